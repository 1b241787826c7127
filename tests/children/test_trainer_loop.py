"""The trainer's protocol: one ending a run, one run after another."""

from collections.abc import Iterator

import pytest

from insitu.v1.trainer_pb2 import (
    AbortRun,
    BeginTraining,
    StartRun,
    SuspendRun,
    TrainerCommand,
    TrainerReport,
)
from tests.children.loops import Peer, trainer
from tests.children.plans import chunk, training_plan

Trainer = Peer[TrainerReport]
START = TrainerCommand(start=StartRun(plan=training_plan().SerializeToString()))
LONG = TrainerCommand(start=StartRun(plan=training_plan(epochs=1_000_000).SerializeToString()))
EXAMPLES = TrainerCommand(examples=chunk(100))
BEGIN = TrainerCommand(begin=BeginTraining())
SUSPEND = TrainerCommand(suspend=SuspendRun())
ABORT = TrainerCommand(abort=AbortRun())
ENDINGS = {"finished", "suspended", "error"}


@pytest.fixture
def peer() -> Iterator[Trainer]:
    with trainer() as running:
        yield running


def until_the_end(peer: Trainer) -> list[TrainerReport]:
    reports = [peer.receive()]
    while reports[-1].WhichOneof("report") not in ENDINGS:
        reports.append(peer.receive())
    return reports


def test_runs_follow_one_another(peer: Trainer) -> None:
    results = []
    for _ in range(2):
        peer.send(START, EXAMPLES, BEGIN)
        reports = until_the_end(peer)
        assert reports[0].ready.total_steps == 30
        results.append(reports[-1].finished.parameters)
    assert results[0] == results[1]


def test_a_suspended_run_sends_its_checkpoint_last(peer: Trainer) -> None:
    peer.send(LONG, EXAMPLES, BEGIN)
    assert peer.receive().HasField("ready")
    peer.send(SUSPEND)
    reports = until_the_end(peer)
    assert reports[-1].HasField("suspended")
    assert reports[-2].HasField("checkpoint")


def test_an_aborted_run_sends_none(peer: Trainer) -> None:
    peer.send(LONG, EXAMPLES, BEGIN)
    assert peer.receive().HasField("ready")
    peer.send(ABORT)
    reports = until_the_end(peer)
    assert reports[-1].HasField("suspended")
    assert len(reports) == 1 or not reports[-2].HasField("checkpoint")


@pytest.mark.parametrize("ending", [SUSPEND, ABORT])
def test_a_run_may_end_before_it_begins(peer: Trainer, ending: TrainerCommand) -> None:
    peer.send(START, EXAMPLES, ending)
    assert [report.WhichOneof("report") for report in until_the_end(peer)] == ["suspended"]


def test_an_error_ends_a_run_and_what_was_still_sent_for_it_is_dropped(peer: Trainer) -> None:
    bad = TrainerCommand(examples=chunk(1))
    bad.examples.examples[0].example = b"\xff"
    peer.send(START, bad, EXAMPLES, BEGIN, SUSPEND, START, EXAMPLES, BEGIN)
    error = until_the_end(peer)[-1].error
    assert (error.status, error.reason) == ("INVALID_ARGUMENT", "BAD_INPUT")
    assert until_the_end(peer)[-1].HasField("finished")


def test_a_late_suspension_does_not_touch_the_next_run(peer: Trainer) -> None:
    peer.send(START, EXAMPLES, BEGIN)
    assert until_the_end(peer)[-1].HasField("finished")
    peer.send(SUSPEND, START, EXAMPLES, BEGIN)
    assert until_the_end(peer)[-1].HasField("finished")
