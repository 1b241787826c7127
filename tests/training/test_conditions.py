"""Why a session does not run."""

from dataclasses import replace

import pytest

from context import ContextManager, ContextRegistry, ManualClock, ScriptedSource
from insitu_cli.commands.context import _features, set_reading
from platform_daemon.device import observe
from platform_daemon.training.conditions import (
    DEVICE_CONDITIONS,
    DevicePolicy,
    Observation,
    SessionFacts,
    device_readings,
    session_readings,
    unmet,
)

GOOD = {name: Observation(True, "test", 5) for name in DEVICE_CONDITIONS}
FACTS = SessionFacts(
    consent=True,
    examples=50,
    minimum_examples=50,
    input_ready=True,
    input_uri="",
    due_ms=10,
    now_ms=10,
    package="com.example.keyboard",
    collection="words",
)


def test_all_is_well() -> None:
    assert unmet(device_readings(GOOD, DevicePolicy(), requires_unmetered=True)) == []
    assert unmet(session_readings(FACTS)) == []


@pytest.mark.parametrize("name", DEVICE_CONDITIONS)
@pytest.mark.parametrize("value", [False, None])
def test_each_device_condition_matters_and_tells_a_remedy(name: str, value: bool | None) -> None:
    observations = {**GOOD, name: Observation(value, "test")}
    (sentence,) = unmet(device_readings(observations, DevicePolicy(), requires_unmetered=True))
    assert sentence.startswith(f"{name}: ")
    assert sentence.partition("; ")[2]


@pytest.mark.parametrize("name", DEVICE_CONDITIONS)
@pytest.mark.parametrize("value", [False, None])
def test_a_scripted_condition_is_remedied_by_a_command_that_satisfies_it(name: str, value: bool | None) -> None:
    source = ScriptedSource(ManualClock(), ContextRegistry())
    manager = ContextManager(ManualClock(), ContextRegistry(), [source])
    manager.start()
    (sentence,) = unmet(
        device_readings({**GOOD, name: Observation(value, source.name)}, DevicePolicy(), requires_unmetered=True)
    )
    remedy = sentence.partition("; run: insitu ")[2]
    with set_reading.make_context("set", remedy.removeprefix("context set ").split()) as parsed:
        source.set_features(parsed.params["type"], _features(parsed.params["features"]))
    assert observe(manager)[name].value is True


def test_unknown_counts_only_where_the_policy_says_so() -> None:
    observations = {**GOOD, "idle": Observation(None, "")}
    assert unmet(device_readings(observations, DevicePolicy(), requires_unmetered=False))
    assert not unmet(device_readings(observations, DevicePolicy(frozenset({"idle"})), requires_unmetered=False))
    busy = {**GOOD, "idle": Observation(False, "test")}
    assert unmet(device_readings(busy, DevicePolicy(frozenset({"idle"})), requires_unmetered=False))


def test_the_network_matters_only_where_needed() -> None:
    metered = {**GOOD, "unmetered": Observation(False, "test")}
    assert not unmet(device_readings(metered, DevicePolicy(), requires_unmetered=False))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"consent": False}, "insitu consent give com.example.keyboard"),
        ({"examples": 49}, "49, at least 50"),
        ({"input_ready": False, "input_uri": "artifact:/a/b"}, "artifact:/a/b"),
        ({"due_ms": 11}, "not yet"),
        ({"budget_used_s": 60.0, "budget_s": 60.0}, "app_budget_s"),
        ({"trainer_of": "words"}, "busy with words"),
    ],
)
def test_each_fact_matters(change: dict[str, object], told: str) -> None:
    (sentence,) = unmet(session_readings(replace(FACTS, **change)))  # type: ignore[arg-type]
    assert told in sentence
