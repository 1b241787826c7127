"""Plans for tests that have none at hand: instructions without a graph, which only a device in memory takes."""

from collections.abc import Sequence

from insitu.v1.plan_pb2 import ExampleQuery, InferenceInstructions, Plan, TrainingInstructions


def inference_plan(
    name: str, *, version: str = "1.0.0", context: Sequence[str] = (), score_output: str = "", parameters: bytes = b""
) -> bytes:
    """A serialized plan. `context` names the types to be injected, `score_output` what `predict_rank` orders by;
    `parameters` are looked at by nobody, and make it as large as one that is real."""
    instructions = InferenceInstructions(context=context, score_output=score_output)
    plan = Plan(name=name, version=version, base_parameters=parameters, inference=instructions)
    return plan.SerializeToString()


def training_plan(
    name: str, *, collection: str, version: str = "1.0.0", minimum_examples: int = 1, context: Sequence[str] = ()
) -> bytes:
    """A serialized plan that trains on a collection, and on `context`, as far as that is granted."""
    query = ExampleQuery(collection=collection, minimum_examples=minimum_examples, context=context)
    return Plan(name=name, version=version, training=TrainingInstructions(query=query)).SerializeToString()
