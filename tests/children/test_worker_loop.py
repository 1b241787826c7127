"""What a worker answers, command by command."""

from collections.abc import Iterator

import numpy as np
import pytest

from insitu.v1 import example_pb2, plan_pb2
from insitu.v1.worker_pb2 import LoadModel, RunModel, UnloadModel, WorkerCommand, WorkerReply
from ml_engines.parameters import dump_parameters
from ml_engines.tensors import from_tensor
from platform_daemon.children.serving import MOST_EXAMPLES
from tests.children.loops import Peer, worker
from tests.children.plans import TYPES, candidates, example, inference_plan, training_plan
from tests.children.plans import rows as encoded
from tests.engines.graphs import ReferenceModel

Worker = Peer[WorkerReply]
ROWS = [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 1.0]]


@pytest.fixture
def peer() -> Iterator[Worker]:
    with worker() as running:
        yield running


def load(key: int = 1, plan: plan_pb2.Plan | None = None, parameters: bytes = b"") -> WorkerCommand:
    blob = (plan or inference_plan()).SerializeToString()
    return WorkerCommand(id=100 + key, load=LoadModel(model_key=key, plan=blob, parameters=parameters))


def predict(key: int = 1, rows: list[list[float]] = ROWS, **fields: object) -> WorkerCommand:
    run = RunModel(model_key=key, rows=encoded([example(row) for row in rows]), **fields)  # type: ignore[arg-type]
    return WorkerCommand(id=7, run=run)


def rank(output: str, examples: list[bytes], shared: bytes = b"") -> WorkerCommand:
    return WorkerCommand(id=7, run=RunModel(model_key=1, rows=candidates(examples, shared), score_output=output))


def trained() -> tuple[ReferenceModel, bytes]:
    reference = ReferenceModel()
    reference.w = np.arange(12, dtype="f8").reshape(4, 3) / 10
    arrays = {"w": reference.w.astype("f4"), "b": reference.b.astype("f4")}
    return reference, dump_parameters(arrays, TYPES)


def refusal(reply: WorkerReply) -> tuple[str, str]:
    assert reply.WhichOneof("reply") == "error", reply
    assert reply.error.message
    return reply.error.status, reply.error.reason


def test_loads_predicts_and_unloads(peer: Worker) -> None:
    reference, parameters = trained()
    loaded = peer.ask(load(parameters=parameters))
    assert (loaded.id, loaded.WhichOneof("reply")) == (101, "loaded")
    assert loaded.loaded.size_bytes > 0
    reply = peer.ask(predict())
    assert reply.id == 7
    outputs = {tensor.name: from_tensor(tensor) for tensor in reply.outputs.outputs}
    np.testing.assert_allclose(outputs["probabilities"], reference.probabilities(np.array(ROWS)), rtol=1e-5)
    unloaded = peer.ask(WorkerCommand(id=8, unload=UnloadModel(model_key=1)))
    assert (unloaded.id, unloaded.WhichOneof("reply")) == (8, "unloaded")
    assert refusal(peer.ask(predict())) == ("FAILED_PRECONDITION", "MODEL_NOT_LOADED")


def test_scores_order_candidates(peer: Worker) -> None:
    reference, parameters = trained()
    peer.ask(load(parameters=parameters))
    ranking = peer.ask(rank("score", [example(row) for row in ROWS])).ranking.ranking
    scores = reference.probabilities(np.array(ROWS))[:, 0]
    assert [place.index for place in ranking] == np.argsort(-scores).tolist()
    assert [place.score for place in ranking] == pytest.approx(sorted(scores, reverse=True))


def test_equal_candidates_keep_their_order_and_shared_features_stand_in(peer: Worker) -> None:
    peer.ask(load())
    ranking = peer.ask(rank("score", [b""] * 100, example(ROWS[0]))).ranking.ranking
    assert [place.index for place in ranking] == list(range(100))
    assert refusal(peer.ask(rank("score", [b""]))) == ("INVALID_ARGUMENT", "FEATURE_MISSING")


def test_examples_by_the_million_are_refused(peer: Worker) -> None:
    peer.ask(load())
    many = [b""] * (MOST_EXAMPLES + 1)
    assert refusal(peer.ask(rank("score", many))) == ("INVALID_ARGUMENT", "BAD_INPUT")
    command = WorkerCommand(id=7, run=RunModel(model_key=1, rows=encoded(many)))
    assert refusal(peer.ask(command)) == ("INVALID_ARGUMENT", "BAD_INPUT")


def test_the_plan_chooses_the_outputs(peer: Worker) -> None:
    plan = inference_plan()
    plan.inference.outputs.append("score")
    peer.ask(load(plan=plan))
    assert [tensor.name for tensor in peer.ask(predict()).outputs.outputs] == ["score"]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_a_fixed_batch_serves_any_number_of_rows(peer: Worker, batch_size: int) -> None:
    _, parameters = trained()
    plan = inference_plan()
    peer.ask(load(1, plan, parameters))
    plan.inference.batch_size = batch_size
    peer.ask(load(2, plan, parameters))
    assert peer.ask(predict(1)).outputs == peer.ask(predict(2)).outputs


def test_context_reaches_the_graph(peer: Worker) -> None:
    plan = inference_plan()
    plan.inference.feeds[0].feature = "context:device.vector"
    peer.ask(load(plan=plan))
    vector = example_pb2.Feature(float_list=example_pb2.FloatList(value=[1, 2, 3, 4]))
    context = example_pb2.Features(feature={"context:device.vector": vector})
    assert len(peer.ask(predict(context=context)).outputs.outputs) == 2
    assert refusal(peer.ask(predict())) == ("INVALID_ARGUMENT", "FEATURE_MISSING")


def _broken(change: str) -> plan_pb2.Plan:
    plan = inference_plan()
    match change:
        case "graph":
            plan.graph.inline = b"garbage"
        case "no graph":
            plan.graph.sha256 = "00"
        case "engine":
            plan.engine.name = "abacus"
        case "output":
            plan.inference.outputs.append("nothing")
        case "signature":
            plan.inference.signature = "nothing"
        case "feed":
            plan.inference.feeds[0].input = "y"
    return plan


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        (load(2, _broken("graph")), "INVALID_ARGUMENT", "GRAPH_REJECTED"),
        (load(2, _broken("no graph")), "INVALID_ARGUMENT", "GRAPH_REJECTED"),
        (load(2, _broken("engine")), "FAILED_PRECONDITION", "ENGINE_MISSING"),
        (load(2, _broken("output")), "INVALID_ARGUMENT", "GRAPH_REJECTED"),
        (load(2, _broken("signature")), "INVALID_ARGUMENT", "SIGNATURE_MISSING"),
        (load(2, _broken("feed")), "INVALID_ARGUMENT", "BAD_INPUT"),
        (load(2, training_plan()), "INVALID_ARGUMENT", "BAD_INPUT"),
        (load(2, parameters=b"?"), "DATA_LOSS", "BAD_PARAMETERS"),
        (load(1), "ALREADY_EXISTS", "MODEL_ALREADY_LOADED"),
        (predict(rows=[]), "INVALID_ARGUMENT", "BAD_INPUT"),
        (predict(rows=[[1.0]]), "INVALID_ARGUMENT", "BAD_INPUT"),
        (rank("nothing", [example(ROWS[0])]), "INVALID_ARGUMENT", "BAD_INPUT"),
        (rank("probabilities", [example(ROWS[0])]), "INVALID_ARGUMENT", "GRAPH_REJECTED"),
        (rank("score", []), "INVALID_ARGUMENT", "BAD_INPUT"),
        (predict(3), "FAILED_PRECONDITION", "MODEL_NOT_LOADED"),
        (WorkerCommand(id=1), "INVALID_ARGUMENT", "BAD_INPUT"),
    ],
)
def test_refusals_carry_status_and_reason_and_harm_nothing(
    peer: Worker, command: WorkerCommand, status: str, reason: str
) -> None:
    peer.ask(load())
    assert refusal(peer.ask(command)) == (status, reason)
    assert peer.ask(predict()).WhichOneof("reply") == "outputs"


def test_outputs_over_the_frame_limit_are_refused() -> None:
    with worker(max_frame_bytes=4096) as peer:
        peer.ask(load())
        assert refusal(peer.ask(rank("score", [b""] * 500, example(ROWS[0])))) == (
            "RESOURCE_EXHAUSTED",
            "OUTPUT_TOO_LARGE",
        )


def test_threads_answer_every_command_once() -> None:
    with worker(threads=3) as peer:
        peer.ask(load())
        for number in range(200):
            command = predict()
            command.id = number
            peer.send(command)
        assert sorted(peer.receive().id for _ in range(200)) == list(range(200))
        assert peer.ask(WorkerCommand(id=1, unload=UnloadModel(model_key=1))).WhichOneof("reply") == "unloaded"
