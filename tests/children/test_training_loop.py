"""The loop and the run around it, in this process: exact resumption, pace, verdicts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insitu.v1 import plan_pb2, trainer_pb2
from ml_engines.errors import BadInput, BadParameters, EngineError, FeatureMissing, GraphRejected
from ml_engines.feeds import Feeds
from ml_engines.parameters import load_parameters
from platform_daemon.children.evaluation import evaluate
from platform_daemon.children.order import Position
from platform_daemon.children.training_examples import ExampleCollector
from platform_daemon.children.training_loop import (
    Interruption,
    Request,
    TrainingLoop,
    make_checkpoint,
    restore_checkpoint,
)
from platform_daemon.children.training_model import TrainingModel
from platform_daemon.children.training_run import NoExamples, TrainingRun
from tests.children.plans import BASE, TYPES, chunk, evaluation_plan, example, training_plan
from tests.engines.graphs import BATCH, ReferenceModel
from tests.engines.numpy_engine import CRASHING_GRAPH, GRAPH, NumPyEngine, registry


class SteppingClock:
    """Each look at it takes `step_s`."""

    def __init__(self, step_s: float) -> None:
        self.now_s = 0.0
        self._step_s = step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s


class Log:
    """An observer that keeps what it sees, and interrupts at the steps it is told."""

    def __init__(self, interruption: Interruption | None = None, at_step: int = -1) -> None:
        self.progressed: list[tuple[int, float]] = []
        self.checkpoints: list[trainer_pb2.Checkpoint] = []
        self._interruption = interruption
        self._at_step = at_step

    def progress(self, step: int, loss: float) -> None:
        self.progressed.append((step, loss))
        if self._interruption is not None and step >= self._at_step:
            self._interruption.ask(Request.SUSPEND)

    def checkpoint(self, checkpoint: trainer_pb2.Checkpoint) -> None:
        self.checkpoints.append(checkpoint)


def make_loop(plan: plan_pb2.Plan, count: int = 100, step_s: float = 0.0) -> tuple[TrainingLoop, TrainingModel]:
    model = TrainingModel(NumPyEngine().load(GRAPH), plan)
    model.set_parameters(BASE)
    collector = ExampleCollector(Feeds(plan.training.feeds))
    collector.add(chunk(count))
    training, _ = collector.split()
    return TrainingLoop(model, plan.training, training.data, training.sequences, SteppingClock(step_s)), model


def train_whole(plan: plan_pb2.Plan) -> trainer_pb2.Checkpoint:
    loop, model = make_loop(plan)
    stop = loop.run(Position(), Interruption(), Log())
    assert not stop.interrupted
    return make_checkpoint(model, stop.position)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([{"epochs": 3}, {"steps": 17}, {"epochs": 1}]), st.lists(st.integers(1, 12), max_size=6))
def test_a_run_suspended_anywhere_ends_as_an_uninterrupted_one(duration: dict[str, int], stretches: list[int]) -> None:
    plan = training_plan(**duration)
    position, saved = Position(), None
    for steps in stretches:
        # A fresh model each time, as in a fresh process. Every step is a progress report.
        loop, model = make_loop(plan, step_s=1.0)
        if saved is not None:
            position = restore_checkpoint(model, saved)
        interruption = Interruption()
        stop = loop.run(position, interruption, Log(interruption, position.step + steps))
        saved = make_checkpoint(model, stop.position)
    loop, model = make_loop(plan)
    position = Position() if saved is None else restore_checkpoint(model, saved)
    stop = loop.run(position, Interruption(), Log())
    assert make_checkpoint(model, stop.position) == train_whole(plan)


def test_resumes_exactly_from_any_periodic_checkpoint() -> None:
    plan = training_plan(checkpoint_steps=4)
    loop, _ = make_loop(plan)
    log = Log()
    loop.run(Position(), Interruption(), log)
    assert [saved.step for saved in log.checkpoints] == [4, 8, 12, 16, 20, 24, 28]
    expected = train_whole(plan)
    for saved in log.checkpoints:
        loop, model = make_loop(plan)
        stop = loop.run(restore_checkpoint(model, saved), Interruption(), Log())
        assert make_checkpoint(model, stop.position) == expected


def test_trains_as_a_plain_loop_over_the_same_order_does() -> None:
    plan = training_plan(epochs=40)
    loop, model = make_loop(plan, count=300)
    loop.run(Position(), Interruption(), Log())
    weights = load_parameters(model.parameters(), TYPES)
    reference = ReferenceModel()
    for epoch, _ in zip(loop._order.epochs(Position()), range(40), strict=False):
        for rows in epoch.rows:
            reference.train(loop._data["x"][rows], loop._data["label"][rows])
    np.testing.assert_allclose(weights["w"], reference.w, rtol=1e-3, atol=1e-4)


def test_progress_five_times_a_second_and_checkpoints_every_two() -> None:
    loop, _ = make_loop(training_plan(epochs=100), step_s=0.01)
    log = Log()
    stop = loop.run(Position(), Interruption(), log)
    duration_s = stop.position.step * 0.01
    assert len(log.progressed) == pytest.approx(duration_s / 0.2, rel=0.2)
    assert len(log.checkpoints) == pytest.approx(duration_s / 2, rel=0.25)
    assert log.progressed[0][1] > log.progressed[-1][1] > 0
    assert stop.loss < 0.5


@pytest.mark.parametrize(
    ("instructions", "position", "total"),
    [
        ({"epochs": 3}, Position(), 30),
        ({"steps": 7}, Position(), 7),
        ({"epochs": 3}, Position(30, 3), 30),
        ({"epochs": 3}, Position(20, 2), 30),
    ],
)
def test_total_steps(instructions: dict[str, int], position: Position, total: int) -> None:
    loop, _ = make_loop(training_plan(**instructions))
    assert loop.total_steps(position) == total


def test_evaluation_pads_and_counts_only_real_rows() -> None:
    plan = training_plan()
    model = TrainingModel(NumPyEngine().load(GRAPH), plan)
    random = np.random.default_rng(0)
    for count in (1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5):
        data = {"x": random.normal(size=(count, 4)).astype("f4"), "label": random.integers(0, 3, count).astype("i4")}
        metrics = evaluate(model, data, BATCH, lambda: False)
        assert metrics is not None
        assert metrics["loss"] == pytest.approx(ReferenceModel().losses(data["x"], data["label"]).mean(), rel=1e-6)
    assert evaluate(model, data, BATCH, lambda: True) is None


def execute(
    start: trainer_pb2.StartRun, *chunks: trainer_pb2.ExampleChunk, interruption: Interruption | None = None
) -> list[trainer_pb2.TrainerReport]:
    run = TrainingRun(start, registry())
    for received in chunks:
        run.add(received)
    reports: list[trainer_pb2.TrainerReport] = []
    run.execute(reports.append, interruption or Interruption(), SteppingClock(0.01))
    return reports


def start(plan: plan_pb2.Plan, **fields: bytes) -> trainer_pb2.StartRun:
    return trainer_pb2.StartRun(plan=plan.SerializeToString(), **fields)  # type: ignore[arg-type]


def test_a_run_reports_ready_and_ends_with_what_it_learnt() -> None:
    reports = execute(start(training_plan(epochs=30)), chunk(100), chunk(0))
    ready, finished = reports[0].ready, reports[-1].finished
    assert (ready.examples, ready.holdout_examples, ready.total_steps) == (80, 20, 300)
    assert (finished.steps, finished.examples, finished.holdout_examples) == (300, 80, 20)
    loss, accuracy = finished.metrics
    assert loss.before == pytest.approx(math.log(3), rel=1e-6)
    assert loss.after < 0.6 * loss.before
    assert accuracy.after > accuracy.before
    assert finished.accepted
    assert "20 held-out" in finished.verdict


def test_the_gate_compares_with_the_live_parameters_where_the_run_started_elsewhere() -> None:
    trained = execute(start(training_plan(epochs=200)), chunk(100))[-1].finished
    again = execute(start(training_plan(epochs=1), live_parameters=trained.parameters), chunk(100))[-1].finished
    assert again.metrics[0].before == trained.metrics[0].after
    assert not again.accepted


def test_interrupted_while_evaluating_keeps_what_was_trained() -> None:
    plan = training_plan(steps=5)
    interruption = Interruption()
    run = TrainingRun(start(plan), registry())
    run.add(chunk(100))
    reports: list[trainer_pb2.TrainerReport] = []

    def send(report: trainer_pb2.TrainerReport) -> None:
        reports.append(report)
        if report.progress.evaluating:
            interruption.ask(Request.SUSPEND)

    run.execute(send, interruption, SteppingClock(0.0))
    assert [report.WhichOneof("report") for report in reports[-2:]] == ["checkpoint", "suspended"]
    saved = reports[-2].checkpoint
    resumed = trainer_pb2.StartRun(plan=plan.SerializeToString(), checkpoint=saved)
    finished = execute(resumed, chunk(100))[-1].finished
    assert finished.parameters == saved.parameters == execute(start(plan), chunk(100))[-1].finished.parameters


def test_an_aborted_run_leaves_no_checkpoint() -> None:
    interruption = Interruption()
    interruption.ask(Request.SUSPEND)
    interruption.ask(Request.ABORT)
    interruption.ask(Request.SUSPEND)
    reports = execute(start(training_plan()), chunk(100), interruption=interruption)
    assert [report.WhichOneof("report") for report in reports] == ["ready", "suspended"]


def test_diverged_parameters_are_never_accepted() -> None:
    plan = training_plan(steps=2)
    plan.training.ClearField("acceptance_gate")
    poison = chunk(10, held_out_every=0)
    poison.examples[0].example = example([math.inf, 0.0, 0.0, 1.0], 0)
    with np.errstate(all="ignore"):
        finished = execute(start(plan), poison)[-1].finished
    assert not finished.accepted
    assert "diverged" in finished.verdict


def test_a_plan_that_only_evaluates() -> None:
    finished = execute(start(evaluation_plan()), chunk(50))[-1].finished
    assert not finished.parameters
    assert not finished.accepted
    assert finished.metrics[0].name == "accuracy"
    assert finished.metrics[0].before == finished.metrics[0].after


def _changed(**fields: object) -> plan_pb2.Plan:
    plan = training_plan()
    for name, value in fields.items():
        setattr(plan.training, name, value)
    return plan


def _with_graph(graph: bytes) -> plan_pb2.Plan:
    plan = training_plan()
    plan.graph.inline = graph
    return plan


def _without_label() -> plan_pb2.Plan:
    plan = training_plan()
    del plan.training.feeds[1]
    return plan


@pytest.mark.parametrize(
    ("run", "examples", "error"),
    [
        (trainer_pb2.StartRun(plan=b"\xff"), chunk(10), BadInput),
        (start(plan_pb2.Plan()), chunk(10), BadInput),
        (start(_changed(batch_size=0)), chunk(10), BadInput),
        (start(_changed(batch_size=7)), chunk(10), BadInput),
        (start(_without_label()), chunk(10), BadInput),
        (start(_with_graph(b"?")), chunk(10), GraphRejected),
        (start(training_plan(), parameters=b"?"), chunk(10), BadParameters),
        (start(training_plan()), trainer_pb2.ExampleChunk(), NoExamples),
        (start(training_plan()), trainer_pb2.ExampleChunk(examples=[{"example": b""}]), FeatureMissing),
        (start(training_plan()), trainer_pb2.ExampleChunk(examples=[{"context": 1, "new_context": b"?"}]), BadInput),
    ],
)
def test_bad_runs_fail_with_the_reason(
    run: trainer_pb2.StartRun, examples: trainer_pb2.ExampleChunk, error: type[EngineError]
) -> None:
    with pytest.raises(error):
        execute(run, examples)


def test_a_graph_that_fails_fails_the_run() -> None:
    with pytest.raises(RuntimeError, match="zero"):
        execute(start(_with_graph(CRASHING_GRAPH)), chunk(10))
