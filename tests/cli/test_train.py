"""`insitu train`: the answer to "why has it not run?"."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client_lib import Learning, TrainerOptions
from insitu.v1 import training_pb2
from insitu_cli.exits import ExitCode
from tests.cli.conftest import Insitu
from tests.client.devices import Device
from tests.client.simulator import SimulatedDaemon

PACKAGE = "com.example.keyboard"
SESSION = "words-session"


@pytest.fixture
def scheduled(simulator: SimulatedDaemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedDaemon]:
    monkeypatch.setenv("INSITU_HOME", str(simulator.home))
    device = Device(simulator)
    with Learning.connect(
        package=PACKAGE, credentials=device.approved_app(PACKAGE), socket=simulator.socket
    ) as learning:
        options = TrainerOptions(SESSION, plan=b"plan", output=f"artifact:/{SESSION}/params")
        learning.get_trainer_client(options).schedule()
        yield simulator


def test_explain_shows_each_condition_with_its_remedy(scheduled: SimulatedDaemon, insitu: Insitu) -> None:
    lines = insitu("train", "explain", SESSION).stdout.splitlines()
    idle = next(line for line in lines if line.startswith("idle"))
    assert idle.split()[:4] == ["idle", "no", "no", "scripted"]
    assert idle.rstrip().endswith("leave the device alone")
    examples = next(line for line in lines if line.startswith("examples"))
    assert "60 of 50" in examples
    assert "- the device is in use; it runs once the device is idle" in lines
    assert "it has not run yet" in lines
    assert f"session        {SESSION} of {PACKAGE}" in lines
    assert f"output         artifact:/{SESSION}/params, not produced yet" in lines


def test_explain_shows_attempts_and_progress(scheduled: SimulatedDaemon, insitu: Insitu) -> None:
    status = scheduled.state.app(PACKAGE).sessions[SESSION]
    status.state = training_pb2.SessionState.RUNNING
    status.step, status.total_steps, status.output_version = 40, 100, 3
    status.attempts.add(
        started_ms=1_700_000_000_000,
        outcome=training_pb2.SessionState.KEPT_OLD,
        reason="the held-out loss got worse",
        steps=100,
        examples=800,
        holdout_examples=200,
        suspensions=1,
    ).metrics.add(name="loss", before=0.5, after=float("nan"))
    shown = insitu("train", "explain", SESSION, "--app", PACKAGE).stdout
    assert "40 of 100 steps" in shown
    assert "kept_old" in shown
    assert "loss 0.5 to unknown" in shown
    assert "version 3" in shown


def test_a_session_that_is_over_will_not_run(scheduled: SimulatedDaemon, insitu: Insitu) -> None:
    status = scheduled.state.app(PACKAGE).sessions[SESSION]
    assert "next possible  when the conditions hold" in insitu("train", "explain", SESSION).stdout
    status.state = training_pb2.SessionState.DONE
    assert "next possible  never" in insitu("train", "explain", SESSION).stdout


def test_what_the_conditions_say_is_not_said_twice(scheduled: SimulatedDaemon, insitu: Insitu) -> None:
    scheduled.state.app(PACKAGE).sessions[SESSION].reasons[:] = ["idle: no; leave the device alone", "the disk is full"]
    lines = insitu("train", "explain", SESSION).stdout.splitlines()
    assert [line for line in lines if line.startswith("- ")] == ["- the disk is full"]


def test_json(scheduled: SimulatedDaemon, insitu_json: Callable[..., Any]) -> None:
    (entry,) = insitu_json("train", "list")
    assert (entry["package"], entry["status"]["state"]) == (PACKAGE, "waiting")
    assert entry["status"]["options"]["cadence"] == {"continuous": 86400.0, "times": "", "one_off": None}
    explained = insitu_json("train", "explain", SESSION)
    assert explained["status"]["conditions"][0]["remedy"] == "leave the device alone"


def test_stop(scheduled: SimulatedDaemon, insitu: Insitu) -> None:
    assert SESSION in insitu("train", "list").stdout
    insitu("train", "stop", SESSION)
    assert insitu("train", "list").stdout == "no training session is scheduled\n"
    insitu("train", "stop", SESSION, expect=ExitCode.NOT_FOUND)
