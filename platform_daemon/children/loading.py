"""From a serialized plan to a loaded graph, in a child process."""

from google.protobuf.message import DecodeError

from insitu.v1 import plan_pb2, worker_pb2
from ml_engines.engine import Model
from ml_engines.errors import BadInput, EngineError, GraphRejected
from ml_engines.registry import EngineRegistry


def parse_plan(blob: bytes, instructions: set[str]) -> plan_pb2.Plan:
    """Raises BadInput where the bytes are no plan, or one with other instructions than these."""
    try:
        plan = plan_pb2.Plan.FromString(blob)
    except DecodeError as error:
        raise BadInput(f"the plan is no serialized insitu.v1.Plan: {error}") from error
    found = plan.WhichOneof("instructions")
    if found not in instructions:
        wanted = " or ".join(sorted(instructions))
        raise BadInput(f"plan.instructions: plan {plan.name!r} holds {found or 'none'}, not {wanted} instructions")
    return plan


def load_graph(plan: plan_pb2.Plan, engines: EngineRegistry) -> Model:
    """Load the graph that a plan carries, by the engine that it names.

    Raises:
        EngineMissing, GraphRejected: as the engine says, or the graph is not inline.
        MemoryError: the process's limit is reached.
    """
    engine = engines.find(plan.engine)
    if plan.graph.WhichOneof("source") != "inline":
        raise GraphRejected("plan.graph: the graph must be inline when the plan reaches a worker or trainer")
    return engine.load(plan.graph.inline)


def child_error(error: Exception) -> worker_pb2.ChildError:
    """An exception as the primary is to see it."""
    match error:
        case EngineError():
            return worker_pb2.ChildError(status=error.status, reason=error.reason, message=str(error))
        case MemoryError():
            message = "the graph needs more memory than a worker or trainer may have; make the model smaller"
            return worker_pb2.ChildError(status="RESOURCE_EXHAUSTED", reason="OUT_OF_MEMORY", message=message)
        case _:
            message = f"the graph failed: {type(error).__name__}: {error}"
            return worker_pb2.ChildError(status="INTERNAL", reason="ENGINE", message=message)
