"""Stores with many examples in them, at the level of the store: no daemon, and a clock that is turned."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from context import ManualClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Batch, ContextPart, Place, Retention

PLACE = Place(enclave=1, collection=1)
EXAMPLE_BYTES = 286
BATCH = 1000
LEAST_BATCHES = 48
"""Two an hour: each bucket of keys is used, however few examples there are."""
YEAR_MS = 365 * 24 * 3600 * 1000
HOUR_MS = 3600 * 1000


class FilledStore:
    """One collection whose examples live for a year, stored over a day: as many keys, however many examples."""

    def __init__(self, folder: Path, examples: int, context_types: Sequence[str]) -> None:
        self.clock = ManualClock()
        self.store = LevelDBStore.open(folder, self.clock)
        self._types = context_types
        self._examples = [os.urandom(EXAMPLE_BYTES) for _ in range(BATCH)]
        batches = max(LEAST_BATCHES, examples // BATCH)
        for _ in range(batches):
            self.add(examples // batches, YEAR_MS)
            self.clock.advance(24 * 3600 / batches)

    def add(self, count: int, ttl_ms: int) -> None:
        """One batch, with context values of its own."""
        context = tuple(ContextPart(name, os.urandom(40)) for name in self._types)
        self.store.add(Batch(PLACE, 1, self._examples[:count], Retention(ttl_ms), context))


@contextmanager
def filled_store(folder: Path, examples: int, context_types: Sequence[str]) -> Iterator[FilledStore]:
    filled = FilledStore(folder, examples, context_types)
    try:
        yield filled
    finally:
        filled.store.close()
