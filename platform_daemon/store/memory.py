"""The example store as a model: what `LevelDBStore` must be equal to, with nothing but lists.

Tests compare with it; apps' own tests may run on it. It seals nothing and keeps nothing.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType

from context.clock import DeviceClock
from platform_daemon.errors import Unavailable
from platform_daemon.store import timekeeping
from platform_daemon.store.features import keep_only
from platform_daemon.store.quota import UNLIMITED, Quota, Usage
from platform_daemon.store.store import Added, Batch, ContextPart, Place, Scan, Stats, StoredExample, Swept
from platform_daemon.store.store_time import Moment, moment_of, read_clocks

_RECEIPT_MS = 86_400_000


@dataclass(slots=True, eq=False)
class _Entry:
    sequence: int
    account: int
    added_ms: int
    expiry_ms: int
    example: bytes
    context: dict[str, ContextPart]
    era: int
    """Stands for the key that would have sealed it."""

    def hidden(self, moment: Moment) -> bool:
        return self.expiry_ms <= moment.hidden_ms(self.era)

    def living_context(self, moment: Moment) -> dict[str, ContextPart]:
        age_ms = moment.hidden_ms(self.era) - self.added_ms
        return {name: part for name, part in self.context.items() if part.ttl_ms is None or age_ms < part.ttl_ms}

    def shorten(self, ttl_ms: int, moment: Moment) -> None:
        """It moves into the present era, with its times."""
        shift_ms = moment.shift_ms(self.era)
        self.context = self.living_context(moment)
        self.expiry_ms = min(self.expiry_ms, self.added_ms + ttl_ms) + shift_ms
        self.added_ms += shift_ms
        self.era = moment.present


@dataclass(slots=True)
class _Collection:
    entries: list[_Entry] = field(default_factory=list)
    next_sequence: int = 1
    receipts: dict[bytes, tuple[int, Added]] = field(default_factory=dict)
    """By idempotency key: until when it is remembered, and the answer."""

    def living(self, moment: Moment) -> list[_Entry]:
        return [entry for entry in self.entries if not entry.hidden(moment)]


class MemoryStore:
    """A `Store` in the memory of this process."""

    def __init__(self, clock: DeviceClock, quota: Quota = UNLIMITED) -> None:
        self._clock = clock
        self._quota = quota
        self._time = timekeeping.begin(read_clocks(clock))
        self._jumps = 0
        self._lock = threading.RLock()
        self._collections: dict[Place, _Collection] = defaultdict(_Collection)
        self._open = True

    def add_at_once(self, batch: Batch) -> Added:
        return self.add(batch)

    def add(self, batch: Batch) -> Added:
        with self._lock:
            self._check_open()
            moment = self._now()
            collection = self._collections[batch.place]
            until_ms, known = collection.receipts.get(batch.idempotency_key, (0, None))
            if known is not None and until_ms > moment.confirmed_ms:
                return Added(known.first_sequence, known.count, repeated=True)
            if batch.examples:
                self._check_quota(batch, collection.living(moment))
            added = Added(collection.next_sequence, len(batch.examples))
            if batch.idempotency_key:
                collection.receipts[batch.idempotency_key] = (moment.confirmed_ms + _RECEIPT_MS, added)
            now_ms, expiry_ms = moment.now_ms, moment.now_ms + batch.retention.ttl_ms
            context = {part.type: part for part in batch.context}
            for example in batch.examples:
                sequence = collection.next_sequence
                collection.entries.append(
                    _Entry(sequence, batch.account, now_ms, expiry_ms, example, dict(context), moment.present)
                )
                collection.next_sequence += 1
            if batch.examples and batch.retention.max_examples:
                for entry in collection.living(moment)[: -batch.retention.max_examples]:
                    collection.entries.remove(entry)
            return added

    def sync(self) -> Future[None]:
        """There is no power cut that memory survives; it keeps the form."""
        with self._lock:
            self._check_open()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def scan(self, scan: Scan) -> Iterator[StoredExample]:
        with self._lock:
            self._check_open()
            entries = list(self._collections[scan.place].entries)
        return self._read(scan, entries[::-1] if scan.newest_first else entries)

    def _read(self, scan: Scan, entries: list[_Entry]) -> Iterator[StoredExample]:
        neighbour: MappingProxyType[str, bytes] = MappingProxyType({})
        for entry in entries:
            with self._lock:
                self._check_open()
                moment = self._now()
                if entry not in self._collections[scan.place].entries or not _asked_for(scan, entry, moment):
                    continue
                context = {
                    part.type: part.features
                    for part in entry.living_context(moment).values()
                    if part.type in scan.context_types
                }
                if context != neighbour:
                    neighbour = MappingProxyType(context)
            yield StoredExample(entry.sequence, entry.added_ms, entry.example, neighbour)

    def stats(self, place: Place) -> Stats:
        with self._lock:
            self._check_open()
            living = self._collections[place].living(self._now())
            if not living:
                return Stats()
            return Stats(
                len(living),
                sum(len(entry.example) for entry in living),
                living[0].added_ms,
                living[-1].added_ms,
                min(entry.expiry_ms for entry in living),
            )

    @property
    def quota(self) -> Quota:
        return self._quota

    def usage(self, enclave: int) -> Usage:
        with self._lock:
            self._check_open()
            moment = self._now()
            living = [
                entry
                for place, collection in self._collections.items()
                if place.enclave == enclave
                for entry in collection.living(moment)
            ]
            return Usage(len(living), sum(len(entry.example) for entry in living))

    def damaged(self, place: Place) -> int:
        return 0

    def shorten(self, place: Place, ttl_ms: int) -> None:
        with self._lock:
            self._check_open()
            moment, collection = self._now(), self._collections[place]
            living = collection.living(moment)
            if all(entry.expiry_ms - entry.added_ms <= ttl_ms for entry in living):
                return
            collection.entries = [entry for entry in living if moment.hidden_ms(entry.era) < entry.added_ms + ttl_ms]
            for entry in collection.entries:
                entry.shorten(ttl_ms, moment)

    def unhide(self) -> None:
        with self._lock:
            self._check_open()
            self._now()
            self._time = timekeeping.unhidden(self._time)

    def clear(self, place: Place, account: int | None = None) -> int:
        with self._lock:
            self._check_open()
            collection = self._collections[place]
            gone = [entry for entry in collection.entries if account in (None, entry.account)]
            collection.entries = [entry for entry in collection.entries if entry not in gone]
            moment = self._now()
            return sum(not entry.hidden(moment) for entry in gone)

    def revoke(self, enclave: int, context_type: str, keep_features: frozenset[str] = frozenset()) -> None:
        with self._lock:
            self._check_open()
            for place, collection in self._collections.items():
                if place.enclave == enclave:
                    for entry in collection.entries:
                        _narrow(entry, context_type, keep_features)

    def remove_enclave(self, enclave: int) -> None:
        with self._lock:
            self._check_open()
            for place in [place for place in self._collections if place.enclave == enclave]:
                del self._collections[place]

    def sweep(self) -> Swept:
        with self._lock:
            self._check_open()
            moment = self._now()
            swept = 0
            for collection in self._collections.values():
                kept = [entry for entry in collection.entries if entry.expiry_ms > moment.ended_ms(entry.era)]
                swept += len(collection.entries) - len(kept)
                collection.entries = kept
                collection.receipts = {
                    key: receipt for key, receipt in collection.receipts.items() if receipt[0] > moment.confirmed_ms
                }
            return Swept(examples=swept)

    def close(self) -> None:
        with self._lock:
            self._open = False

    def _now(self) -> Moment:
        reading = read_clocks(self._clock)
        self._jumps += timekeeping.jumped(self._time, reading)
        self._time = timekeeping.observe(self._time, reading, self._jumps)
        return moment_of(self._time, reading.wall_ms, self._time.confirmed_ms, 0)

    def _check_quota(self, batch: Batch, here: list[_Entry]) -> None:
        limit = batch.retention.max_examples
        kept = batch.examples[-limit:] if limit else batch.examples
        evicted = here[: max(0, len(here) + len(kept) - limit)] if limit else []
        before = self.usage(batch.place.enclave)
        size_bytes = before.size_bytes + sum(map(len, kept)) - sum(len(entry.example) for entry in evicted)
        self._quota.check(before, Usage(before.examples + len(kept) - len(evicted), size_bytes))

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable("the example store is closed: repeat when the daemon is back", reason="STORE_CLOSED")


def _asked_for(scan: Scan, entry: _Entry, moment: Moment) -> bool:
    return (
        not entry.hidden(moment)
        and entry.added_ms >= scan.added_since_ms
        and (scan.up_to_sequence is None or entry.sequence <= scan.up_to_sequence)
        and (scan.account is None or entry.account == scan.account)
    )


def _narrow(entry: _Entry, context_type: str, keep_features: frozenset[str]) -> None:
    part = entry.context.pop(context_type, None)
    kept = keep_only(part.features, keep_features) if part is not None and keep_features else b""
    if part is not None and kept:
        entry.context[context_type] = ContextPart(part.type, kept, part.ttl_ms)
