"""A snapshot of the records: one moment, whatever happens meanwhile."""

import threading
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import Unavailable
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.records import RecordSnapshot
from tests.store.samples import FOREIGN, POWER, TAPS, WORDS, add


@pytest.fixture
def store(tmp_path: Path) -> LevelDBStore:
    store = LevelDBStore.open(tmp_path / "store", ManualClock())
    for number in range(50):
        add(store, b"%d" % number * 50_000, context=[POWER])
    add(store, b"taps", place=TAPS)
    return store


def test_it_shows_one_moment(store: LevelDBStore) -> None:
    with store.frozen() as snapshot:
        pass
    before = dict(snapshot)
    assert len([key for key in before if key.startswith(b"e")]) == 51
    assert sum(map(len, before.values())) > 4_000_000
    iterator = iter(snapshot)
    first = next(iterator)
    store.clear(WORDS)
    add(store, b"later", place=FOREIGN)
    assert dict([first, *iterator]) == before
    assert dict(snapshot) == before
    snapshot.close()
    snapshot.close()
    store.close()


def test_it_ends_with_the_database(store: LevelDBStore) -> None:
    with store.frozen() as snapshot:
        iterator = iter(snapshot)
    next(iterator)
    store.close()
    with pytest.raises(Unavailable):
        list(iterator)
    snapshot.close()


def test_it_is_closed_inside_the_gate(store: LevelDBStore) -> None:
    """A handle that closes under a running call takes the process with it."""
    database = store._database
    inside: list[int] = []

    class Native:
        def close(self) -> None:
            inside.append(database._inside)

    RecordSnapshot(database, Native()).close()
    assert inside == [1]
    store.close()
    RecordSnapshot(database, Native()).close()
    assert inside == [1]


def test_writers_wait_while_it_is_taken(store: LevelDBStore) -> None:
    stored = threading.Event()

    def write() -> None:
        add(store, b"later")
        stored.set()

    writer = threading.Thread(target=write)
    with store.frozen() as snapshot:
        writer.start()
        assert not stored.wait(0.05)
    assert stored.wait(10)
    writer.join()
    assert len([key for key, _ in snapshot if key.startswith(b"e")]) == 51
    snapshot.close()
    store.close()
