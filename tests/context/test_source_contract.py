"""What every source keeps; a plug-in's source can be added to `SOURCES` by its author's own test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from context import ContextManager, ContextRegistry, ManualClock, Observation, ScriptedSource, Source
from context.sources import ClockDay, DeviceInfo, SysfsNetwork, SysfsPower

REGISTRY = ContextRegistry()
SOURCES: dict[str, Callable[[ManualClock], Source]] = {
    "power": lambda _: SysfsPower(),
    "network": lambda _: SysfsNetwork(),
    "nothing there": lambda _: SysfsPower(Path("/nonexistent")),
    "day": lambda clock: ClockDay(clock, country="IN"),
    "device": lambda _: DeviceInfo(),
    "scripted": lambda clock: ScriptedSource(clock, REGISTRY),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES[request.param](ManualClock())


def test_reads_only_known_types_and_features(source: Source) -> None:
    assert source.name
    assert source.types
    for context_type in source.types:
        seen = source.read(context_type)
        assert seen is None or isinstance(seen, Observation)
        if seen is not None:
            assert REGISTRY.spec(context_type).checked(seen.values) == seen.values
            assert seen.valid_for_ms is None or seen.valid_for_ms > 0


def test_says_the_same_of_the_same_moment(source: Source) -> None:
    for context_type in source.types:
        assert source.read(context_type) == source.read(context_type)


def test_starts_and_stops_repeatably_and_is_silent_afterwards(source: Source) -> None:
    said: list[str] = []
    for _ in range(2):
        source.start(lambda context_type, _: said.append(context_type))
        source.stop()
        source.stop()
    heard = len(said)
    for context_type in source.types:
        source.read(context_type)
    assert len(said) == heard


def test_feeds_a_manager_without_failures(source: Source) -> None:
    manager = ContextManager(ManualClock(), REGISTRY, [source])
    manager.start()
    manager.poll()
    manager.stop()
    assert manager.failures == []
