"""The example store as a model: what `LevelDBStore` must be equal to, with nothing but lists.

Tests compare with it; apps' own tests may run on it. It seals nothing and keeps nothing.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType

from context.clock import Clock
from platform_daemon.errors import Unavailable
from platform_daemon.store.features import keep_only
from platform_daemon.store.store import Added, Batch, ContextPart, Place, Scan, Stats, StoredExample, Swept

_RECEIPT_MS = 86_400_000


@dataclass(slots=True, eq=False)
class _Entry:
    sequence: int
    account: int
    added_ms: int
    expiry_ms: int
    example: bytes
    context: dict[str, ContextPart]


@dataclass(slots=True)
class _Collection:
    entries: list[_Entry] = field(default_factory=list)
    next_sequence: int = 1
    receipts: dict[bytes, tuple[int, Added]] = field(default_factory=dict)
    """By idempotency key: until when it is remembered, and the answer."""

    def living(self, now_ms: int) -> list[_Entry]:
        return [entry for entry in self.entries if entry.expiry_ms > now_ms]


class MemoryStore:
    """A `Store` in the memory of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._collections: dict[Place, _Collection] = defaultdict(_Collection)
        self._open = True

    def add(self, batch: Batch) -> Added:
        with self._lock:
            self._check_open()
            now_ms = self._clock.now_ms()
            collection = self._collections[batch.place]
            until_ms, known = collection.receipts.get(batch.idempotency_key, (0, None))
            if known is not None and until_ms > now_ms:
                return Added(known.first_sequence, known.count, repeated=True)
            added = Added(collection.next_sequence, len(batch.examples))
            if batch.idempotency_key:
                collection.receipts[batch.idempotency_key] = (now_ms + _RECEIPT_MS, added)
            expiry_ms = now_ms + batch.retention.ttl_ms
            context = {part.type: part for part in batch.context}
            for example in batch.examples:
                entry = _Entry(collection.next_sequence, batch.account, now_ms, expiry_ms, example, dict(context))
                collection.entries.append(entry)
                collection.next_sequence += 1
            if batch.examples and batch.retention.max_examples:
                for entry in collection.living(now_ms)[: -batch.retention.max_examples]:
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
                now_ms = self._clock.now_ms()
                if entry not in self._collections[scan.place].entries or not _asked_for(scan, entry, now_ms):
                    continue
                context = {
                    part.type: part.features
                    for part in entry.context.values()
                    if part.type in scan.context_types
                    and (part.ttl_ms is None or entry.added_ms + part.ttl_ms > now_ms)
                }
                if context != neighbour:
                    neighbour = MappingProxyType(context)
            yield StoredExample(entry.sequence, entry.added_ms, entry.example, neighbour)

    def stats(self, place: Place) -> Stats:
        with self._lock:
            self._check_open()
            living = self._collections[place].living(self._clock.now_ms())
            if not living:
                return Stats()
            return Stats(
                len(living),
                sum(len(entry.example) for entry in living),
                living[0].added_ms,
                living[-1].added_ms,
                min(entry.expiry_ms for entry in living),
            )

    def shorten(self, place: Place, ttl_ms: int) -> None:
        with self._lock:
            self._check_open()
            for entry in self._collections[place].entries:
                entry.expiry_ms = min(entry.expiry_ms, entry.added_ms + ttl_ms)

    def clear(self, place: Place, account: int | None = None) -> int:
        with self._lock:
            self._check_open()
            collection = self._collections[place]
            gone = [entry for entry in collection.entries if account in (None, entry.account)]
            collection.entries = [entry for entry in collection.entries if entry not in gone]
            now_ms = self._clock.now_ms()
            return sum(entry.expiry_ms > now_ms for entry in gone)

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
            now_ms = self._clock.now_ms()
            swept = 0
            for collection in self._collections.values():
                living = collection.living(now_ms)
                swept += len(collection.entries) - len(living)
                collection.entries = living
                collection.receipts = {
                    key: receipt for key, receipt in collection.receipts.items() if receipt[0] > now_ms
                }
            return Swept(examples=swept)

    def close(self) -> None:
        with self._lock:
            self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable("the example store is closed: repeat when the daemon is back", reason="STORE_CLOSED")


def _asked_for(scan: Scan, entry: _Entry, now_ms: int) -> bool:
    return (
        entry.expiry_ms > now_ms
        and entry.added_ms >= scan.added_since_ms
        and (scan.up_to_sequence is None or entry.sequence <= scan.up_to_sequence)
        and (scan.account is None or entry.account == scan.account)
    )


def _narrow(entry: _Entry, context_type: str, keep_features: frozenset[str]) -> None:
    part = entry.context.pop(context_type, None)
    kept = keep_only(part.features, keep_features) if part is not None and keep_features else b""
    if part is not None and kept:
        entry.context[context_type] = ContextPart(part.type, kept, part.ttl_ms)
