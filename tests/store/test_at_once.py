"""Storing without waiting: done as `add` does it, or not done at all."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.clock import ManualClock
from platform_daemon.errors import Unavailable
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.pace import CALM_BYTES, CALM_BYTES_PER_S, LONG_S, SMALL_BYTES, WARY_S, Pace
from platform_daemon.store.renewal import PAUSE_S
from platform_daemon.store.store import Added, Batch, Retention
from tests.store.crashing_disk import CrashingDisk
from tests.store.samples import DAY_MS, HOUR_MS, POWER, WORDS, add, open_store, read, values


def batch(*examples: bytes, key: bytes = b"", ttl_ms: int = DAY_MS) -> Batch:
    return Batch(WORDS, 1, examples, Retention(ttl_ms), (POWER,), key)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[LevelDBStore]:
    opened = LevelDBStore.open(tmp_path / "store", clock)
    add(opened, b"first", context=(POWER,))
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", ["leveldb", "memory"])
def test_it_stores_as_adding_does(kind: str, tmp_path: Path, clock: ManualClock) -> None:
    store = open_store(kind, tmp_path, clock)
    add(store, b"first", context=(POWER,))
    assert store.add_at_once(batch(b"a", b"b", key=b"once")) == Added(2, 2)
    assert store.add_at_once(batch(b"a", b"b", key=b"once")) == Added(2, 2, repeated=True)
    add(store, b"last", context=(POWER,))
    assert values(store) == [b"first", b"a", b"b", b"last"]
    assert {one.context["power"] for one in read(store)} == {POWER.features}
    assert store.stats(WORDS).examples == 4
    store.close()


def test_a_key_that_is_not_there_is_not_waited_for(store: LevelDBStore, clock: ManualClock) -> None:
    assert store.add_at_once(batch(b"another bucket", ttl_ms=2 * HOUR_MS)) is None
    clock.advance(3 * 3600)
    assert store.add_at_once(batch(b"an hour later")) is None
    assert values(store) == [b"first"]
    store.add(batch(b"an hour later"))
    assert store.add_at_once(batch(b"and then")) == Added(3, 1)


def test_nothing_is_written_to_the_disk_but_the_database(tmp_path: Path, clock: ManualClock) -> None:
    disk = CrashingDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    add(store, b"first", context=(POWER,))
    done = list(disk.done)
    for _ in range(50):
        assert store.add_at_once(batch(b"more")) is not None
        clock.advance(0.01)
    assert disk.done == done
    store.close()


def test_who_holds_the_enclave_is_not_waited_for(store: LevelDBStore) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.frozen():
            held.set()
            assert let_go.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    began_s = time.monotonic()
    assert store.add_at_once(batch(b"now")) is None
    assert time.monotonic() - began_s < 5
    let_go.set()
    holder.join(10)
    assert store.add_at_once(batch(b"now")) == Added(2, 1)


class Interrupted:
    """A pace that lets something happen while it is asked, as another thread might."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._pace = Pace()
        self._happens = happens

    def calm(self, size_bytes: int, now_s: float) -> bool:
        self._happens()
        return self._pace.calm(size_bytes, now_s)

    def wrote(self, size_bytes: int, took_s: float, now_s: float) -> None:
        self._pace.wrote(size_bytes, took_s, now_s)


def fail(store: LevelDBStore) -> None:
    """As a write that the disk refused does."""
    store._database.failure = OSError(errno.EIO, os.strerror(errno.EIO))
    store._database._takes_writes = False


def test_nothing_acknowledged_is_overwritten_after_a_reopening(store: LevelDBStore, clock: ManualClock) -> None:
    def reopen() -> None:
        fail(store)
        clock.advance(PAUSE_S)
        assert store._renewal.attempt()
        add(store, b"by another thread", context=(POWER,))

    store._pace = Interrupted(reopen)  # type: ignore[assignment]
    assert store.add_at_once(batch(b"at once")) == Added(3, 1)
    store._pace = Pace()
    add(store, b"last", context=(POWER,))
    assert values(store) == [b"first", b"by another thread", b"at once", b"last"]
    assert store.stats(WORDS).examples == 4


def test_after_a_write_that_failed_it_is_left_to_add(store: LevelDBStore) -> None:
    fail(store)
    assert store.add_at_once(batch(b"now")) is None
    store.add(batch(b"later"))
    assert store.add_at_once(batch(b"now")) == Added(3, 1)


def test_a_reopening_is_not_waited_for(store: LevelDBStore) -> None:
    with store._database:
        fail(store)
        reopening = threading.Thread(target=store._renewal.attempt)
        reopening.start()
        while not store._database._draining:
            reopening.join(0.001)
        store._database.failure = None
        began_s = time.monotonic()
        assert store.add_at_once(batch(b"now")) is None
        assert time.monotonic() - began_s < 2
    reopening.join(10)
    assert values(store) == [b"first"]
    assert store.add_at_once(batch(b"now")) == Added(2, 1)


def test_once_closed_it_is_left_to_add(store: LevelDBStore) -> None:
    store.close()
    assert store.add_at_once(batch(b"now")) is None
    with pytest.raises(Unavailable):
        store.add(batch(b"now"))


def test_a_collection_that_was_never_added_to_is_left_to_add(tmp_path: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(tmp_path / "store", clock)
    assert store.add_at_once(batch(b"a")) is None
    store.close()


def test_large_batches_are_never_calm() -> None:
    assert Pace().calm(SMALL_BYTES, 0.0)
    assert not Pace().calm(SMALL_BYTES + 1, 0.0)


@given(st.lists(st.tuples(st.floats(0, 0.01), st.integers(0, SMALL_BYTES)), max_size=400))
def test_no_more_is_written_in_calm_than_a_table_holds_and_the_disk_takes(writes: list[tuple[float, int]]) -> None:
    pace, now_s, written = Pace(), 0.0, 0
    for pause_s, size_bytes in writes:
        now_s += pause_s
        if pace.calm(size_bytes, now_s):
            pace.wrote(size_bytes, 0.0, now_s)
            written += size_bytes
        assert written <= CALM_BYTES + CALM_BYTES_PER_S * now_s


def test_after_a_write_that_took_long_none_is_calm_for_a_while() -> None:
    pace = Pace()
    pace.wrote(100, 2 * LONG_S, 10.0)
    assert not pace.calm(100, 10.0 + WARY_S / 2)
    assert pace.calm(100, 10.0 + WARY_S)


def test_a_flood_of_batches_ends_the_calm_and_a_rest_brings_it_back() -> None:
    pace = Pace()
    for _ in range(10):
        pace.wrote(1 << 20, 0.1, 1.0)
    assert not pace.calm(100, 1.0)
    assert pace.calm(100, 3.0)
