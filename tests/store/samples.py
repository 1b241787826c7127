"""Examples, context and ways to look into a store's folder, shared by the tests of this folder."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import plyvel

from context.clock import ManualClock
from insitu.v1.example_pb2 import Features
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.memory import MemoryStore
from platform_daemon.store.quota import UNLIMITED, Quota
from platform_daemon.store.store import Added, Batch, ContextPart, Place, Retention, Scan, Store, StoredExample

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WORDS = Place(enclave=1, collection=1)
TAPS = Place(enclave=1, collection=2)
FOREIGN = Place(enclave=2, collection=1)


def features(**values: str) -> bytes:
    """Serialized Features, each with one string."""
    message = Features()
    for name, value in values.items():
        message.feature[name].bytes_list.value.append(value.encode())
    return message.SerializeToString(deterministic=True)


POWER = ContextPart("power", features(charging="yes", level="80"))
NETWORK = ContextPart("network", features(kind="wifi"))


def add(
    store: Store,
    *examples: bytes,
    place: Place = WORDS,
    account: int = 1,
    ttl_ms: int = DAY_MS,
    max_examples: int = 0,
    context: Sequence[ContextPart] = (),
    key: bytes = b"",
) -> Added:
    return store.add(Batch(place, account, examples, Retention(ttl_ms, max_examples), context, key))


def read(
    store: Store,
    place: Place = WORDS,
    types: Sequence[str] = ("power", "network"),
    *,
    newest_first: bool = False,
    up_to_sequence: int | None = None,
    added_since_ms: int = 0,
    account: int | None = None,
) -> list[StoredExample]:
    scan = Scan(place, frozenset(types), newest_first, up_to_sequence, added_since_ms, account)
    return list(store.scan(scan))


def values(store: Store, place: Place = WORDS, *, newest_first: bool = False) -> list[bytes]:
    return [stored.example for stored in read(store, place, newest_first=newest_first)]


def plain(stored: Sequence[StoredExample]) -> list[tuple[int, int, bytes, dict[str, bytes]]]:
    """What compares by value."""
    return [(one.sequence, one.added_ms, one.example, dict(one.context)) for one in stored]


def open_store(kind: str, folder: Path, clock: ManualClock, quota: Quota = UNLIMITED) -> Store:
    if kind == "memory":
        return MemoryStore(clock, quota)
    return LevelDBStore.open(folder / "store", clock, quota=quota)


def tables(folder: Path) -> Counter[str]:
    """How many records of each table a closed store has."""
    database = plyvel.DB(str(folder / "examples"))
    try:
        return Counter(key[:1].decode() for key in database.iterator(include_value=False))
    finally:
        database.close()


def die(store: LevelDBStore) -> None:
    """As a killed process does: nothing more is written, and the folder is free."""
    store._database.close()
    store._folder.release()
