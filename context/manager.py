"""The always-fresh cache between the sources of context and those who inject it.

Reading the cache takes no lock: an entry is replaced whole. Whatever writes holds the manager's lock.
"""

import functools
import itertools
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context.clock import Clock
from context.errors import SourceMisconfigured
from context.reading import Reading
from context.registry import ContextRegistry
from context.source import Degradable, Mode, Observation, Source
from context.types import ContextTypeSpec, Value

_log = logging.getLogger(__name__)

CLOCK_SLACK_MS = 1000
"""A wall clock that is set back by less than this (NTP does) makes no reading unknown."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A reading and when it holds: on both clocks, so that neither a jump nor a stopped wall clock prolongs it."""

    reading: Reading
    from_ms: int
    until_ms: int
    until_s: float


_NEVER = _Entry(Reading("", {}, "", 0, 0, {}, 0), 0, 0, float("-inf"))


class _Slot:
    """What is known of one type."""

    __slots__ = ("confirm_s", "entry", "last_values", "last_version", "publications", "read_lock", "source", "spec")

    def __init__(self, spec: ContextTypeSpec, source: Source | None) -> None:
        self.spec = spec
        self.source = source
        self.entry = _NEVER
        self.last_values: Mapping[str, Value] = {}
        self.last_version = 0
        self.publications = 0
        self.confirm_s = 0.0
        # Held while the source is read, so that of two reads the later one is believed.
        self.read_lock = threading.Lock()


class ContextManager:
    """Knows the present context. One source feeds each type: the first that offers it, or the one chosen by name.

    A reading holds for its validity and is unknown afterwards. All methods may be called from any thread.
    """

    def __init__(
        self,
        clock: Clock,
        registry: ContextRegistry,
        sources: Sequence[Source],
        choice: Mapping[str, str] | None = None,
    ) -> None:
        """`choice` names the source of a type. Raises SourceMisconfigured, UnknownContextType."""
        self.registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._versions = itertools.count(1)
        self._failures: dict[tuple[str, str], str] = {}
        self._running = False
        for context_type in choice or {}:
            registry.spec(context_type)
        self._slots = {
            spec.name: _Slot(spec, _chosen(spec.name, sources, (choice or {}).get(spec.name))) for spec in registry
        }
        feeding = [slot.source for slot in self._slots.values()]
        self._sources = tuple(source for source in sources if source in feeding)

    def start(self) -> None:
        """Start the sources that feed a type, and read each once. Blocks as the reads do. One that cannot start harms
        no other.
        """
        with self._lock:
            self._running = True
        for source in self._sources:
            try:
                source.start(functools.partial(self._publish, source))
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it is logged
                self._failed(source.name, "cannot start", error)
        for slot in self._slots.values():
            self._read(slot)

    def stop(self) -> None:
        """Stop the sources; every type is unknown afterwards. Repeatable."""
        with self._lock:
            self._running = False
        for source in self._sources:
            source.stop()
        with self._lock:
            for slot in self._slots.values():
                slot.entry = _NEVER

    def poll(self) -> None:
        """Read the sources that do not publish by themselves, and listeners whose reading wants to be confirmed.

        Blocks as the reads do; call it about each second.
        """
        for slot in self._slots.values():
            if slot.source is not None and (slot.source.mode is not Mode.LISTENER or self._wants_confirmation(slot)):
                self._read(slot)

    def reading(self, context_type: str) -> Reading | None:
        """What holds now, from the cache; None where unknown or no longer valid. Raises UnknownContextType."""
        slot = self._slots.get(context_type)
        if slot is None:
            self.registry.spec(context_type)
            return None
        entry = slot.entry
        if self._holds(entry):
            return entry.reading
        if slot.source is not None and slot.source.mode is Mode.INSTANT:
            self._read(slot)
            entry = slot.entry
            return entry.reading if self._holds(entry) else None
        return None

    def refresh(self, context_type: str) -> Reading | None:
        """Read the type's source now, whatever its mode. May block. Raises UnknownContextType."""
        self.registry.spec(context_type)
        self._read(self._slots[context_type])
        return self.reading(context_type)

    def source_of(self, context_type: str) -> Source | None:
        """The source that feeds a type, None where there is none. Raises UnknownContextType."""
        self.registry.spec(context_type)
        return self._slots[context_type].source

    @property
    def failures(self) -> Sequence[str]:
        """What fails at present, or works less well than it could, one sentence for each source and type."""
        feeding = [(slot.spec.name, slot.source) for slot in self._slots.values() if slot.source is not None]
        degraded = [
            f"source {source.name} for {context_type}: {source.degraded}"
            for context_type, source in feeding
            if isinstance(source, Degradable) and source.degraded
        ]
        with self._lock:
            failed = [f"source {source} {what}: {error}" for (source, what), error in self._failures.items()]
        return failed + degraded

    def _holds(self, entry: _Entry) -> bool:
        return entry.from_ms <= self._clock.now_ms() < entry.until_ms and self._clock.monotonic_s() < entry.until_s

    def _wants_confirmation(self, slot: _Slot) -> bool:
        """Half of the validity is over, or the reading ended before its time by a jump of the wall clock."""
        entry = slot.entry
        return self._clock.monotonic_s() >= slot.confirm_s or (entry is not _NEVER and not self._holds(entry))

    def _read(self, slot: _Slot) -> None:
        """Ask the source. One that fails leaves what it said before, until that expires."""
        source = slot.source
        if source is None:
            return
        try:
            with slot.read_lock:
                before = slot.publications
                self._take(slot, source.read(slot.spec.name), before)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it is logged
            self._failed(source.name, f"cannot read {slot.spec.name}", error)
        else:
            with self._lock:
                self._failures.pop((source.name, f"cannot read {slot.spec.name}"), None)

    def _failed(self, source: str, what: str, error: Exception) -> None:
        """Note a failure, and log it when it is a new one: a poll repeats each second."""
        with self._lock:
            known = self._failures.get((source, what))
            self._failures[source, what] = repr(error)
        if known != repr(error):
            fields = {"source": source, "step": what.split(" ", 1)[-1].replace(" ", "-")}
            extra = {"event": "context_source_failed", "fields": fields}
            _log.error("source %s %s", source, what, exc_info=error, extra=extra)

    def _publish(self, source: Source, context_type: str, seen: Observation | None) -> None:
        slot = self._slots.get(context_type)
        if slot is not None and slot.source is source:
            self._take(slot, seen)

    def _take(self, slot: _Slot, seen: Observation | None, before: int | None = None) -> None:
        """Replace the entry; but not by a read during which the source published: that may be the newer."""
        values = slot.spec.checked(seen.values) if seen is not None else {}
        with self._lock:
            if not self._running or before not in (None, slot.publications):
                return
            slot.publications += 1
            validity_ms = slot.spec.validity_ms
            if seen is not None and seen.valid_for_ms is not None:
                validity_ms = max(0, seen.valid_for_ms)
            slot.confirm_s = self._clock.monotonic_s() + validity_ms / 2000
            slot.entry = self._entry(slot, values, validity_ms) if values else _NEVER

    def _entry(self, slot: _Slot, values: dict[str, Value], validity_ms: int) -> _Entry:
        now_ms = self._clock.now_ms()
        previous = slot.entry.reading if self._holds(slot.entry) else _NEVER.reading
        since_ms = {
            name: previous.since_ms[name] if name in previous.values and previous.values[name] == value else now_ms
            for name, value in values.items()
        }
        if values != slot.last_values or slot.last_version == 0:
            slot.last_values = values
            slot.last_version = next(self._versions)
        assert slot.source is not None
        reading = Reading(
            type=slot.spec.name,
            values=slot.last_values,
            source=slot.source.name,
            read_ms=now_ms,
            valid_until_ms=now_ms + validity_ms,
            since_ms=since_ms,
            version=slot.last_version,
        )
        until_s = self._clock.monotonic_s() + validity_ms / 1000
        return _Entry(reading, now_ms - CLOCK_SLACK_MS, now_ms + validity_ms, until_s)


def _chosen(context_type: str, sources: Sequence[Source], name: str | None) -> Source | None:
    offering = [source for source in sources if context_type in source.types]
    if name is None:
        return offering[0] if offering else None
    for source in offering:
        if source.name == name:
            return source
    listed = ", ".join(source.name for source in offering) or "none"
    raise SourceMisconfigured(
        f"context.sources.{context_type}: no source {name!r} reads this type; choose one of: {listed}"
    )
