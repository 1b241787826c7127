"""What a damaged store reports, sets aside, and refuses. The loops of K2 are in tests/faults/damaged_stores.py."""

from pathlib import Path

import plyvel
import pytest

from context.clock import ManualClock
from platform_daemon.errors import DataLoss
from platform_daemon.store import layout
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Scan
from tests.store.samples import POWER, TAPS, WORDS, add, features, read, values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with 300 examples, some in the log and some in tables."""
    store = LevelDBStore.open(tmp_path / "store", ManualClock())
    for number in range(300):
        add(store, b"%d" % number, context=[POWER])
        if number == 200:
            store.close()
            store = LevelDBStore.open(tmp_path / "store", ManualClock())
    store.close()
    return tmp_path / "store"


def test_a_forged_record_is_reported_once_and_never_returned(folder: Path) -> None:
    database = plyvel.DB(str(folder / "examples"))
    third, fourth = (layout.example_key(1, 1, sequence) for sequence in (3, 4))
    database.put(third, database.get(fourth))
    later = bytearray(database.get(layout.example_key(1, 1, 9)))
    later[layout.EXAMPLE_HEADER.size - 9] ^= 1
    database.put(layout.example_key(1, 1, 9), bytes(later))
    database.put(layout.example_key(1, 1, 12), b"short")
    database.close()
    store = LevelDBStore.open(folder, ManualClock())
    for sequence in (3, 9, 12):
        with pytest.raises(DataLoss, match=f"{sequence:016x}"):
            values(store)
    left = values(store)
    assert len(left) == 297
    assert not {b"2", b"8", b"11"} & set(left)
    assert store.stats(WORDS).examples == 297
    assert (store.damaged(WORDS), store.damaged(TAPS)) == (3, 0)
    store.close()
    store = LevelDBStore.open(folder, ManualClock())
    store.sweep()
    # One is too short to say which key it needs: nobody could ever open it.
    assert store.damaged(WORDS) == 2
    assert store.clear(WORDS) == 297
    assert store.damaged(WORDS) == 0
    store.close()
    database = plyvel.DB(str(folder / "examples"))
    assert list(database.iterator(prefix=b"q")) == []
    database.close()


def test_forged_context_is_lost_alone(folder: Path) -> None:
    store = LevelDBStore.open(folder, ManualClock())
    add(store, b"last", context=[POWER])
    store.close()
    database = plyvel.DB(str(folder / "examples"))
    parts = list(database.iterator(prefix=b"c"))
    database.put(parts[-1][0], parts[-1][1][:-1] + bytes([parts[-1][1][-1] ^ 1]))
    database.close()
    store = LevelDBStore.open(folder, ManualClock())
    assert len(values_without_context(store)) == 301
    with pytest.raises(DataLoss):
        read(store)
    stored = read(store)
    assert stored[0].context == {"power": POWER.features}
    assert stored[-1].context == {}
    assert store.damaged(WORDS) == 1
    assert len(stored) == 301
    add(store, b"next", context=[POWER])
    assert read(store)[-1].context == {"power": POWER.features}
    store.revoke(1, "power", frozenset({"level"}))
    assert read(store)[-1].context == {"power": features(level="80")}
    store.close()


def values_without_context(store: LevelDBStore) -> list[bytes]:
    return [one.example for one in store.scan(Scan(WORDS))]


@pytest.mark.parametrize("lost", ["examples/CURRENT", "keyring", "master.key", "format"])
def test_a_lost_file_is_never_replaced_by_an_empty_one(folder: Path, lost: str) -> None:
    (folder / lost).rename(folder.parent / "aside")
    for _ in range(2):
        with pytest.raises(DataLoss):
            LevelDBStore.open(folder, ManualClock())
    (folder.parent / "aside").rename(folder / lost)
    store = LevelDBStore.open(folder, ManualClock())
    assert len(values(store)) == 300
    store.close()
