"""What every source keeps; a plug-in's source can be added to `SOURCES` by its author's own test."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from context import (
    ContextManager,
    ContextRegistry,
    Degradable,
    ManualClock,
    Mode,
    Observation,
    ScriptedSource,
    Source,
)
from context.sources import ClockDay, DeviceInfo, SysfsNetwork, SysfsPower
from tests.context.kernel import PATIENCE_S, SimulatedKernel

REGISTRY = ContextRegistry()
REFUSING = SimulatedKernel(refuses=True)
SOURCES: dict[str, Callable[[ManualClock], Source]] = {
    "power": lambda _: SysfsPower(),
    "network": lambda _: SysfsNetwork(),
    "power, simulated kernel": lambda _: SysfsPower(open_socket=SimulatedKernel().open),
    "network, simulated kernel": lambda _: SysfsNetwork(open_socket=SimulatedKernel().open),
    "power, refusing kernel": lambda _: SysfsPower(open_socket=REFUSING.open),
    "network, refusing kernel": lambda _: SysfsNetwork(open_socket=REFUSING.open),
    "nothing there": lambda _: SysfsPower(Path("/nonexistent")),
    "day": lambda clock: ClockDay(clock, country="IN"),
    "device": lambda _: DeviceInfo(),
    "scripted": lambda clock: ScriptedSource(clock, REGISTRY),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    source = SOURCES[request.param](ManualClock())
    yield source
    source.stop()


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


def test_a_listener_publishes_at_once_what_it_reads(source: Source) -> None:
    said: queue.SimpleQueue[tuple[str, Observation | None]] = queue.SimpleQueue()
    source.start(lambda context_type, seen: said.put((context_type, seen)))
    if source.mode is Mode.LISTENER:
        published = dict(said.get(timeout=PATIENCE_S) for _ in source.types)
        assert published == {context_type: source.read(context_type) for context_type in source.types}


def test_listens_only_between_start_and_stop(source: Source) -> None:
    """A plug-in's source may be one that always listens; those that can be polled instead say which it is."""
    if isinstance(source, Degradable):
        modes = [source.mode]
        source.start(lambda *_: None)
        assert (source.mode is Mode.LISTENER) == (source.degraded == "")
        source.stop()
        modes.append(source.mode)
        assert Mode.LISTENER not in modes
        assert source.degraded == ""


def test_feeds_a_manager_whose_failures_are_its_own(source: Source) -> None:
    manager = ContextManager(ManualClock(), REGISTRY, [source])
    manager.start()
    manager.poll()
    told = manager.failures
    degraded = source.degraded if isinstance(source, Degradable) else ""
    manager.stop()
    assert [failure.partition(": ")[2] for failure in told] == ([degraded] if degraded else [])
