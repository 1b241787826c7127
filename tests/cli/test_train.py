"""`insitu train`: the answer to "why has it not run?"."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from client_lib import CollectionOptions, OneOff, TrainerOptions, testing
from insitu_cli.exits import ExitCode
from tests.cli.conftest import Insitu
from tests.client.devices import InMemory

PACKAGE = "com.example.keyboard"
SESSION = "words-session"


@pytest.fixture
def scheduled(served: InMemory, monkeypatch: pytest.MonkeyPatch) -> testing.Device:
    """A device in use, with a session that has ten examples."""
    monkeypatch.setenv("INSITU_HOME", str(served.home))
    learning = served.memory.connect(PACKAGE)
    learning.get_collection_client(CollectionOptions("words")).add_many([{"x": 1.0}] * 10).result()
    plan = testing.training_plan("words", collection="words", minimum_examples=10)
    learning.get_trainer_client(TrainerOptions(SESSION, plan, output=f"artifact:/{SESSION}/params")).schedule()
    served.memory.idle_and_charging(False)
    return served.memory


def test_explain_shows_each_condition_with_its_remedy(scheduled: testing.Device, insitu: Insitu) -> None:
    lines = insitu("train", "explain", SESSION).stdout.splitlines()
    idle = next(line for line in lines if line.startswith("idle"))
    assert idle.split()[:4] == ["idle", "no", "no", "scripted"]
    assert idle.rstrip().endswith("run: insitu context set activity user_idle=yes")
    examples = next(line for line in lines if line.startswith("examples"))
    assert "10, at least 10 wanted" in examples
    assert "it has not run yet" in lines
    assert f"session        {SESSION} of {PACKAGE}" in lines
    assert f"output         artifact:/{SESSION}/params, not produced yet" in lines


def test_explain_shows_attempts_and_progress(scheduled: testing.Device, insitu: Insitu) -> None:
    scheduled.idle_and_charging()
    for outcome in (testing.Commit(), testing.KeepOld({"loss": (0.5, float("nan"))})):
        scheduled.run(PACKAGE, SESSION, testing.Suspend(), testing.Advance(100, of=100), outcome)
        scheduled.advance(timedelta(days=1))
    scheduled.run(PACKAGE, SESSION, testing.Advance(40, of=100, loss=0.3))
    shown = insitu("train", "explain", SESSION, "--app", PACKAGE).stdout
    assert "40 of 100 steps" in shown
    assert "kept_old" in shown
    assert "loss 0.5 to unknown" in shown
    assert "version 1" in shown


def test_a_session_that_is_over_will_not_run(served: InMemory, scheduled: testing.Device, insitu: Insitu) -> None:
    assert "next possible  when the conditions hold" in insitu("train", "explain", SESSION).stdout
    scheduled.idle_and_charging()
    plan = testing.training_plan("words", collection="words")
    once = TrainerOptions("once", plan, output="artifact:/once/params", cadence=OneOff())
    scheduled.connect(PACKAGE).get_trainer_client(once).schedule()
    scheduled.run(PACKAGE, "once")
    assert "next possible  never" in insitu("train", "explain", "once").stdout


def test_what_the_conditions_say_is_not_said_twice(scheduled: testing.Device, insitu: Insitu) -> None:
    scheduled.idle_and_charging()
    scheduled.run(PACKAGE, SESSION, testing.Fail("the disk is full"))
    scheduled.idle_and_charging(False)
    lines = insitu("train", "explain", SESSION).stdout.splitlines()
    assert [line for line in lines if line.startswith("- ")] == ["- the disk is full"]


def test_json(scheduled: testing.Device, insitu_json: Callable[..., Any]) -> None:
    (entry,) = insitu_json("train", "list")
    assert (entry["package"], entry["status"]["state"]) == (PACKAGE, "waiting")
    assert entry["status"]["options"]["cadence"] == {"continuous": 86400.0, "times": "", "one_off": None}
    explained = insitu_json("train", "explain", SESSION)
    assert explained["status"]["conditions"][0]["remedy"] == "run: insitu context set activity user_idle=yes"


def test_stop(scheduled: testing.Device, insitu: Insitu) -> None:
    assert SESSION in insitu("train", "list").stdout
    insitu("train", "stop", SESSION)
    assert insitu("train", "list").stdout == "no training session is scheduled\n"
    insitu("train", "stop", SESSION, expect=ExitCode.NOT_FOUND)
