import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import (
    BadScript,
    BadValue,
    ContextManager,
    ContextRegistry,
    ManualClock,
    ScriptedSource,
    UnknownContextType,
    UnknownFeature,
    decode,
    encode,
    parse_script,
)
from insitu.v1.example_pb2 import Features

REGISTRY = ContextRegistry()
SCRIPT = """
[[state]]
at_s = 0
power = { charging = false, battery_level = 0.4 }
activity = { user_idle = false }

[[state]]
at_s = 20.5
power = { charging = true, on_battery = false }

[[state]]
at_s = 30
activity = {}
"""


def managed(script: str = "") -> tuple[ManualClock, ScriptedSource, ContextManager]:
    clock = ManualClock()
    source = ScriptedSource(clock, REGISTRY, parse_script(script, REGISTRY))
    manager = ContextManager(clock, REGISTRY, [source])
    clock.advance(3)  # the script's time begins with the start, not with the making
    manager.start()
    return clock, source, manager


def known(manager: ContextManager, context_type: str) -> dict[str, object]:
    reading = manager.reading(context_type)
    return {} if reading is None else dict(reading.values)


def test_states_follow_the_clock_without_a_poll() -> None:
    clock, _, manager = managed(SCRIPT)
    assert known(manager, "power") == {"charging": False, "battery_level": 0.4}
    clock.advance(20.4)
    assert known(manager, "power") == {"charging": False, "battery_level": 0.4}
    clock.advance(0.1)
    assert known(manager, "power") == {"charging": True, "on_battery": False}
    assert known(manager, "activity") == {"user_idle": False}
    clock.advance(9.5)
    assert known(manager, "activity") == {}
    clock.advance(1e7)
    assert known(manager, "power") == {"charging": True, "on_battery": False}


def test_a_script_may_repeat() -> None:
    clock, _, manager = managed("repeat_after_s = 40\n" + SCRIPT)
    clock.advance(35)
    assert known(manager, "activity") == {}
    clock.advance(5)
    assert known(manager, "activity") == {"user_idle": False}
    assert known(manager, "power") == {"charging": False, "battery_level": 0.4}


def test_set_by_hand_is_seen_at_once_and_outlives_the_script() -> None:
    clock, source, manager = managed(SCRIPT)
    source.set("power", {"charging": 1})
    assert known(manager, "power") == {"charging": True}
    clock.advance(25)
    assert known(manager, "power") == {"charging": True}
    source.set("power", {})
    assert known(manager, "power") == {}
    assert known(manager, "activity") == {"user_idle": False}


def test_set_from_messages() -> None:
    _, source, manager = managed()
    source.set_features("network", encode({"connected": True, "kind": "wifi"}))
    assert known(manager, "network") == {"connected": True, "kind": "wifi"}
    source.set_features("network", Features())
    assert known(manager, "network") == {}


def test_what_cannot_be_set() -> None:
    _, source, _ = managed()
    with pytest.raises(UnknownContextType):
        source.set("weather", {})
    with pytest.raises(UnknownFeature):
        source.set_features("power", encode({"volts": 5}))
    wrong = Features()
    wrong.feature["charging"].bytes_list.value.append(b"yes")
    with pytest.raises(BadValue, match="charging takes a bool, not bytes"):
        source.set_features("power", wrong)
    wrong.feature["charging"].int64_list.value.extend([1, 0])
    with pytest.raises(BadValue, match="charging takes exactly one value, not 2"):
        source.set_features("power", wrong)
    wrong.Clear()
    wrong.feature["kind"].bytes_list.value.append(b"\xff")
    with pytest.raises(BadValue, match="UTF-8"):
        source.set_features("network", wrong)
    assert source.read("power") is None


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("[[state]", "no TOML"),
        ("states = 1", "states"),
        ("state = 3", "two brackets"),
        ("[[state]]\npower = {}", "state 1: needs at_s"),
        ("[[state]]\nat_s = -1", "state 1: needs at_s"),
        ("[[state]]\nat_s = 0\nweather = {}", "state 1: there is no context type 'weather'"),
        ("[[state]]\nat_s = 0\npower = { volts = 1 }", "no feature 'volts'"),
        ("[[state]]\nat_s = 0\npower = { charging = 'yes' }", "charging takes"),
        ("[[state]]\nat_s = 0\npower = true", "power takes a table"),
        ("[[state]]\nat_s = 5\n[[state]]\nat_s = 5", "follow each other"),
        ("repeat_after_s = 5\n[[state]]\nat_s = 5", "repeat_after_s"),
        ("repeat_after_s = 0", "repeat_after_s"),
    ],
)
def test_scripts_that_cannot_be_read(script: str, complaint: str) -> None:
    with pytest.raises(BadScript, match=complaint.replace("[", r"\[")):
        parse_script(script, REGISTRY)


texts = st.text(st.characters(codec="utf-8"), max_size=50)
integers = st.integers(-(2**63), 2**63 - 1)


@given(st.booleans(), integers, texts)
def test_values_survive_the_way_through_messages(metered: bool, hour: int, kind: str) -> None:
    network = {"metered": metered, "kind": kind}
    assert decode(REGISTRY.spec("network"), encode(network)) == network
    assert decode(REGISTRY.spec("day"), encode({"hour": hour})) == {"hour": hour}


@given(st.text(max_size=200))
def test_any_text_is_a_script_or_refused(text: str) -> None:
    with contextlib.suppress(BadScript):
        assert parse_script(text, REGISTRY).states is not None
