"""What a store says it has done, against what was done to it."""

from pathlib import Path

import plyvel
import pytest

from context.clock import ManualClock
from platform_daemon.errors import DataLoss
from platform_daemon.store import layout
from platform_daemon.store.counts import Tally
from platform_daemon.store.leveldb import LevelDBStore
from tests.store.samples import HOUR_MS, add, values


def test_added_evicted_and_expired_examples_are_counted_once(tmp_path: Path) -> None:
    clock = ManualClock()
    store = LevelDBStore.open(tmp_path / "store", clock)
    add(store, b"a", b"b", key=b"once")
    add(store, b"a", b"b", key=b"once")
    assert store.tally == Tally(added=2)
    add(store, b"c", b"d", b"e", b"f", max_examples=3)
    assert store.tally == Tally(added=5, evicted=2)
    add(store, b"g", ttl_ms=HOUR_MS)
    clock.advance(7200)
    store.sweep()
    store.sweep()
    assert store.tally == Tally(added=6, evicted=2, expired=1)
    store.close()


def test_a_record_that_is_set_aside_is_counted_once(tmp_path: Path) -> None:
    store = LevelDBStore.open(tmp_path / "store", ManualClock())
    add(store, b"a", b"b", b"c")
    store.close()
    database = plyvel.DB(str(tmp_path / "store" / "examples"))
    database.put(layout.example_key(1, 1, 2), b"short")
    database.close()
    store = LevelDBStore.open(tmp_path / "store", ManualClock())
    with pytest.raises(DataLoss):
        values(store)
    assert values(store) == [b"a", b"c"]
    assert store.tally == Tally(quarantined=1)
    store.close()
