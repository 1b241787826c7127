"""Plans, examples and messages for the model of `tests.engines.graphs`, and the data that it learns."""

from collections.abc import Iterator, Sequence

import numpy as np

from insitu.v1 import example_pb2, plan_pb2, trainer_pb2
from insitu.v1.prediction_pb2 import SerializedPredictRankRequest, SerializedPredictRequest
from ml_engines.parameters import dump_parameters, tensor_types
from tests.engines import numpy_engine
from tests.engines.graphs import BATCH, CLASSES, FEATURES, PARAMETERS, litert_flatbuffer, saved_model_zip

TYPES = tensor_types(PARAMETERS)
BASE = dump_parameters({"w": np.zeros((FEATURES, CLASSES), "f4"), "b": np.zeros(CLASSES, "f4")}, TYPES)

X = plan_pb2.Feed(feature="x", input="x", dtype=example_pb2.DATA_TYPE_FLOAT32, shape=[FEATURES])
LABEL = plan_pb2.Feed(feature="label", input="label", dtype=example_pb2.DATA_TYPE_INT32)


def _plan(engine: str) -> plan_pb2.Plan:
    graphs = {"litert": litert_flatbuffer, "tensorflow": saved_model_zip, "numpy": lambda: numpy_engine.GRAPH}
    return plan_pb2.Plan(
        name="test/softmax",
        version="1.0.0",
        engine=plan_pb2.EngineRequirement(name=engine),
        graph=plan_pb2.Graph(inline=graphs[engine]()),
        parameters=PARAMETERS,
        base_parameters=BASE,
    )


def inference_plan(engine: str = "numpy") -> plan_pb2.Plan:
    plan = _plan(engine)
    plan.inference.feeds.append(X)
    plan.inference.score_output = "score"
    return plan


def training_plan(engine: str = "numpy", **instructions: int) -> plan_pb2.Plan:
    """Three epochs, unless `instructions` say otherwise; gated on the loss."""
    plan = _plan(engine)
    plan.training.MergeFrom(plan_pb2.TrainingInstructions(**({"epochs": 3, "seed": 11} | instructions)))  # type: ignore[arg-type]
    plan.training.batch_size = BATCH
    plan.training.feeds.extend([X, LABEL])
    plan.training.metrics.add(name="loss", direction=plan_pb2.LOWER_IS_BETTER)
    plan.training.metrics.add(name="accuracy", direction=plan_pb2.HIGHER_IS_BETTER)
    plan.training.acceptance_gate.metric = "loss"
    return plan


def evaluation_plan(engine: str = "numpy") -> plan_pb2.Plan:
    plan = _plan(engine)
    plan.evaluation.batch_size = BATCH
    plan.evaluation.feeds.extend([X, LABEL])
    plan.evaluation.metrics.add(name="accuracy", direction=plan_pb2.HIGHER_IS_BETTER)
    return plan


def example(x: list[float], label: int | None = None) -> bytes:
    feature = {"x": example_pb2.Feature(float_list=example_pb2.FloatList(value=x))}
    if label is not None:
        feature["label"] = example_pb2.Feature(int64_list=example_pb2.Int64List(value=[label]))
    return example_pb2.Example(features=example_pb2.Features(feature=feature)).SerializeToString()


def stored(count: int, *, held_out_every: int = 5) -> Iterator[trainer_pb2.StoredExample]:
    """Examples whose label is the largest of the first three features; each fifth is held out."""
    random = np.random.default_rng(3)
    for number in range(count):
        x = random.normal(size=FEATURES)
        yield trainer_pb2.StoredExample(
            sequence=1000 + 7 * number,
            example=example(x.tolist(), int(x[:CLASSES].argmax())),
            held_out=held_out_every > 0 and number % held_out_every == 0,
        )


def chunk(count: int, *, held_out_every: int = 5) -> trainer_pb2.ExampleChunk:
    return trainer_pb2.ExampleChunk(examples=stored(count, held_out_every=held_out_every))


def rows(examples: Sequence[bytes]) -> bytes:
    """As a prediction carries serialized examples."""
    return SerializedPredictRequest(examples=examples).SerializeToString()


def candidates(examples: list[bytes], shared: bytes = b"") -> bytes:
    """`RunModel.rows` of a ranking."""
    return SerializedPredictRankRequest(candidates=examples, shared=shared).SerializeToString()
