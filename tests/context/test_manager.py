import pytest

from context import (
    ContextManager,
    ContextRegistry,
    ManualClock,
    Mode,
    Observation,
    SourceMisconfigured,
    UnknownContextType,
)
from tests.context.machines import FakeSource

POWER = frozenset({"power"})
REGISTRY = ContextRegistry()


def started(source: FakeSource, clock: ManualClock) -> ContextManager:
    manager = ContextManager(clock, REGISTRY, [source])
    manager.start()
    return manager


def values(manager: ContextManager, context_type: str = "power") -> dict[str, object] | None:
    reading = manager.reading(context_type)
    return None if reading is None else dict(reading.values)


def test_a_listener_is_heard_at_once_and_expires() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    assert manager.reading("power") is None
    source.say("power", {"charging": True})
    assert values(manager) == {"charging": True}
    clock.advance(59.999)
    assert values(manager) == {"charging": True}
    clock.advance(0.001)
    assert manager.reading("power") is None


def test_a_source_may_shorten_the_validity_and_take_back_what_it_said() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True}, valid_for_ms=500)
    clock.advance(0.5)
    assert manager.reading("power") is None
    source.say("power", {"charging": True})
    source.say("power", None)
    assert manager.reading("power") is None
    source.say("power", {})
    assert manager.reading("power") is None


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_a_jump_of_the_wall_clock_prolongs_nothing(jump_s: float) -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True})
    clock.jump(jump_s)
    assert manager.reading("power") is None


def test_a_small_correction_of_the_wall_clock_changes_nothing() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True})
    clock.jump(-0.4)
    assert values(manager) == {"charging": True}


def test_one_shot_sources_are_read_at_start_at_polls_and_on_demand_only() -> None:
    clock, source = ManualClock(), FakeSource(POWER, Mode.ONE_SHOT)
    source.answers["power"] = Observation({"charging": False})
    manager = started(source, clock)
    assert (values(manager), source.reads) == ({"charging": False}, 1)
    clock.advance(100)
    assert (manager.reading("power"), source.reads) == (None, 1)
    manager.poll()
    assert (values(manager), source.reads) == ({"charging": False}, 2)
    source.answers["power"] = Observation({"charging": True})
    refreshed = manager.refresh("power")
    assert refreshed is not None
    assert refreshed.values == {"charging": True}


def test_instant_sources_are_read_in_place_when_their_reading_has_expired() -> None:
    clock, source = ManualClock(), FakeSource(POWER, Mode.INSTANT)
    source.answers["power"] = Observation({"charging": False}, valid_for_ms=1000)
    manager = started(source, clock)
    clock.advance(0.999)
    assert (values(manager), source.reads) == ({"charging": False}, 1)
    clock.advance(0.001)
    assert (values(manager), source.reads) == ({"charging": False}, 2)


def test_listeners_are_read_only_to_confirm_what_they_said() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    source.answers["power"] = Observation({"charging": True})
    manager = started(source, clock)
    for _ in range(300):
        clock.advance(1)
        manager.poll()
        assert values(manager) == {"charging": True}
    assert source.reads == 1 + 10
    source.say("power", {"charging": False})
    clock.advance(29)
    manager.poll()
    assert source.reads == 1 + 10


def test_a_listener_that_knows_nothing_is_not_asked_more_often() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    for _ in range(300):
        clock.advance(1)
        manager.poll()
    assert source.reads == 1 + 10


def test_a_listener_that_cannot_confirm_is_asked_again_until_what_it_said_expires() -> None:
    clock, source = ManualClock(), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True})
    source.answers["power"] = OSError("the bus is gone")
    for _ in range(59):
        clock.advance(1)
        manager.poll()
    assert values(manager) == {"charging": True}
    assert source.reads == 1 + 30
    clock.advance(1)
    assert manager.reading("power") is None


class Interrupted(FakeSource):
    """Something newer is published while it is being read."""

    def read(self, context_type: str) -> Observation | None:
        seen = super().read(context_type)
        if self.publish is not None and seen is not None:
            self.say(context_type, {"charging": True})
        return seen


@pytest.mark.parametrize("mode", Mode)
def test_a_read_does_not_undo_what_was_published_meanwhile(mode: Mode) -> None:
    source = Interrupted(POWER, mode)
    source.answers["power"] = Observation({"charging": False})
    manager = started(source, ManualClock())
    assert values(manager) == {"charging": True}
    manager.refresh("power")
    assert values(manager) == {"charging": True}


def test_version_changes_only_with_the_values() -> None:
    clock, source = ManualClock(), FakeSource(frozenset({"power", "activity"}))
    manager = started(source, clock)
    versions = []
    for said in (
        {"charging": True},
        {"charging": True},
        None,
        {"charging": True},
        {"charging": False},
        {"charging": True},
    ):
        source.say("power", said)
        reading = manager.reading("power")
        versions.append(reading.version if reading else None)
    first, second = versions[0], versions[4]
    assert versions[:4] == [first, first, None, first]
    assert len({first, second, versions[5]}) == 3
    source.say("activity", {"user_idle": True})
    activity = manager.reading("activity")
    assert activity is not None
    assert activity.version not in versions


def test_since_tells_when_each_value_was_first_seen() -> None:
    clock, source = ManualClock(now_ms=1_000_000), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True, "battery_level": 0.5})
    clock.advance(10)
    source.say("power", {"charging": True, "battery_level": 0.6})
    reading = manager.reading("power")
    assert reading is not None
    assert reading.since_ms == {"charging": 1_000_000, "battery_level": 1_010_000}
    assert (reading.read_ms, reading.valid_until_ms, reading.source) == (1_010_000, 1_070_000, "fake")


def test_since_starts_anew_after_a_gap() -> None:
    clock, source = ManualClock(now_ms=1_000_000), FakeSource(POWER)
    manager = started(source, clock)
    source.say("power", {"charging": True})
    clock.advance(61)
    source.say("power", {"charging": True})
    reading = manager.reading("power")
    assert reading is not None
    assert reading.since_ms == {"charging": 1_061_000}


def test_the_first_source_feeds_a_type_unless_another_is_chosen() -> None:
    first, second = FakeSource(POWER, name="first"), FakeSource(POWER, name="second")
    by_order = ContextManager(ManualClock(), REGISTRY, [first, second])
    chosen = ContextManager(ManualClock(), REGISTRY, [first, second], {"power": "second"})
    assert by_order.source_of("power") is first
    assert chosen.source_of("power") is second
    assert chosen.source_of("day") is None
    by_order.start()
    chosen.start()
    first.say("power", {"charging": True})
    assert chosen.reading("power") is None
    second.say("power", {"charging": False})
    assert values(chosen) == {"charging": False}


def test_a_source_that_feeds_no_type_is_not_started() -> None:
    first, second = FakeSource(POWER, name="first"), FakeSource(POWER, name="second")
    ContextManager(ManualClock(), REGISTRY, [first, second], {"power": "second"}).start()
    assert first.publish is None
    assert second.publish is not None


def test_wrong_choices_are_refused_with_the_right_ones() -> None:
    source = FakeSource(POWER, name="first")
    with pytest.raises(SourceMisconfigured, match=r"context\.sources\.power.*'upower'.*choose one of: first"):
        ContextManager(ManualClock(), REGISTRY, [source], {"power": "upower"})
    with pytest.raises(UnknownContextType):
        ContextManager(ManualClock(), REGISTRY, [source], {"weather": "first"})


def test_a_failing_source_leaves_its_last_word_until_that_expires(caplog: pytest.LogCaptureFixture) -> None:
    clock, source = ManualClock(), FakeSource(POWER, Mode.ONE_SHOT)
    source.answers["power"] = Observation({"charging": True})
    manager = started(source, clock)
    source.answers["power"] = OSError("no such bus")
    manager.poll()
    manager.poll()
    assert values(manager) == {"charging": True}
    assert len(caplog.records) == 1
    (failure,) = manager.failures
    assert "cannot read power" in failure
    clock.advance(60)
    manager.poll()
    assert manager.reading("power") is None
    source.answers["power"] = Observation({"charging": True})
    manager.poll()
    assert manager.failures == []


def test_a_source_that_says_nonsense_is_not_believed(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource(POWER, Mode.ONE_SHOT)
    source.answers["power"] = Observation({"charging": "very"})
    manager = started(source, ManualClock())
    assert manager.reading("power") is None
    assert "cannot read power" in caplog.text


def test_after_stop_nothing_is_known() -> None:
    source = FakeSource(POWER, Mode.INSTANT)
    source.answers["power"] = Observation({"charging": True})
    manager = started(source, ManualClock())
    manager.stop()
    manager.stop()
    assert manager.reading("power") is None
    assert source.publish is None


def test_unknown_types_raise() -> None:
    manager = started(FakeSource(POWER), ManualClock())
    for call in (manager.reading, manager.refresh, manager.source_of):
        with pytest.raises(UnknownContextType):
            call("weather")
