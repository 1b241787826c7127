"""The device conditions, read from the context."""

import pytest

from context import ContextSettings, ManualClock, ScriptedSource, assemble
from platform_daemon.device import observe


@pytest.mark.parametrize(
    ("power", "charging"),
    [
        ({}, None),
        ({"charging": 1}, True),
        ({"charging": 1, "on_battery": 0}, True),
        ({"charging": 0, "on_battery": 0}, True),
        ({"charging": 0, "on_battery": 1}, False),
        ({"charging": 0}, False),
        ({"on_battery": 1}, False),
        ({"battery_level": 0.5}, None),
    ],
)
def test_charging(power: dict[str, float], charging: bool | None) -> None:
    manager = assemble(ManualClock(), ContextSettings(scripted=True), {})
    manager.start()
    source = manager.source_of("power")
    assert isinstance(source, ScriptedSource)
    source.set("power", power)
    assert observe(manager)["charging"].value is charging


def test_what_nobody_knows_is_unknown() -> None:
    manager = assemble(ManualClock(), ContextSettings(scripted=True), {})
    manager.start()
    assert {name: seen.value for name, seen in observe(manager).items()} == {
        "idle": None,
        "charging": None,
        "unmetered": None,
    }


def test_since_when_and_from_where() -> None:
    clock = ManualClock()
    manager = assemble(clock, ContextSettings(scripted=True), {})
    manager.start()
    source = manager.source_of("activity")
    assert isinstance(source, ScriptedSource)
    source.set("activity", {"user_idle": 1})
    began_ms = clock.now_ms()
    clock.advance(30)
    source.set("activity", {"user_idle": 1})
    source.set("network", {"metered": 0})
    seen = observe(manager)
    assert (seen["idle"].value, seen["idle"].source, seen["idle"].since_ms) == (True, "scripted", began_ms)
    assert seen["unmetered"].value is True
