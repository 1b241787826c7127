"""What only the store on disk has: a folder, files, records to tidy."""

from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import FailedPrecondition, NotFound, Unavailable
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.scope import Selector
from platform_daemon.store.store import Added, ContextPart, Swept
from tests.store.crashing_disk import CrashingDisk, PowerCut
from tests.store.samples import HOUR_MS, POWER, TAPS, WORDS, add, features, read, tables, values


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "device" / "store"


def test_a_folder_has_one_store(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    assert folder.stat().st_mode & 0o777 == 0o700
    for _ in range(2):
        with pytest.raises(Unavailable, match="open already"):
            LevelDBStore.open(folder, clock)
    add(store, b"a")
    store.close()
    LevelDBStore.open(folder, clock).close()


def test_an_unknown_format_is_left_alone(folder: Path, clock: ManualClock) -> None:
    LevelDBStore.open(folder, clock).close()
    (folder / "format").write_text("insitu example store, format 99\n")
    with pytest.raises(FailedPrecondition, match="format 99"):
        LevelDBStore.open(folder, clock)


@pytest.mark.parametrize("step", CrashingDisk.STEPS)
@pytest.mark.parametrize("file", range(4))
def test_a_crash_while_provisioning_is_begun_again(folder: Path, clock: ManualClock, step: str, file: int) -> None:
    disk = CrashingDisk()
    disk.crash_at(step, file)
    with pytest.raises(PowerCut):
        LevelDBStore.open(folder, clock, disk=disk)
    for _ in range(2):
        store = LevelDBStore.open(folder, clock)
        add(store, b"a")
        store.close()
    store = LevelDBStore.open(folder, clock)
    assert values(store) == [b"a", b"a"]
    store.close()
    assert not list(folder.glob("*.new"))
    assert not (folder / "unfinished").exists()


def test_the_master_key_may_live_elsewhere(folder: Path, clock: ManualClock, tmp_path: Path) -> None:
    store = LevelDBStore.open(folder, clock, master_key=tmp_path / "key")
    add(store, b"a")
    store.close()
    assert not (folder / "master.key").exists()
    store = LevelDBStore.open(folder, clock, master_key=tmp_path / "key")
    assert values(store) == [b"a"]
    store.close()


def test_what_is_stored_outlives_the_process(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, b"a", b"b", context=[POWER], key=b"k")
    sealed = store.keyring.seal(1, "artifact:/s/p#1", b"weights")
    before = store.stats(WORDS)
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert store.stats(WORDS) == before
    assert add(store, b"a", b"b", key=b"k") == Added(1, 2, repeated=True)
    assert add(store, b"c", context=[POWER]) == Added(3, 1)
    assert [one.context for one in read(store)] == [{"power": POWER.features}] * 3
    assert store.keyring.open(1, "artifact:/s/p#1", sealed) == b"weights"
    store.clear(WORDS)
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert add(store, b"d") == Added(4, 1)
    assert store.keyring.open(1, "artifact:/s/p#1", sealed) == b"weights"
    store.remove_enclave(1)
    with pytest.raises(NotFound):
        store.keyring.open(1, "artifact:/s/p#1", sealed)
    store.close()


def test_adds_share_a_snapshot_while_nothing_changes(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    for _ in range(50):
        add(store, b"x", context=[POWER])
    store.close()
    assert tables(folder)["c"] == 1
    assert tables(folder)["r"] == 50


def test_snapshots_go_with_the_examples_that_used_them(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    for number in range(50):
        part = ContextPart("power", features(level=str(number)))
        add(store, b"x", max_examples=5, account=number % 2, context=[part])
    store.sweep()
    levels = [one.context["power"] for one in read(store)]
    assert levels == [features(level=str(number)) for number in range(45, 50)]
    store.close()
    # One account's last snapshot below the oldest example may stay until its key goes.
    assert 5 <= tables(folder)["c"] <= 7
    assert tables(folder)["c"] == tables(folder)["k"]


def test_revoked_parts_are_swept(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, b"a", context=[POWER])
    store.revoke(1, "power")
    store.close()
    assert tables(folder)["c"] == 1
    store = LevelDBStore.open(folder, clock)
    store.sweep()
    store.close()
    assert tables(folder)["c"] == tables(folder)["k"] == 0


def test_sweeping_counts_what_it_removed(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, *[b"x"] * 30, ttl_ms=HOUR_MS, context=[POWER])
    add(store, *[b"y"] * 20, place=TAPS, ttl_ms=3 * HOUR_MS)
    clock.advance(3600 + 3600 / 32)
    assert store.sweep() == Swept(examples=30, keys=2)
    clock.advance(2 * 3600 + 3600 / 8)
    assert store.sweep() == Swept(examples=20, keys=1)
    assert store.keyring.select(Selector()) == {}
    store.close()
    assert set(tables(folder)) == {"m"}


def test_a_full_keyring_disk_refuses_the_batch_whole(folder: Path, clock: ManualClock) -> None:
    disk = CrashingDisk()
    store = LevelDBStore.open(folder, clock, disk=disk)
    add(store, b"a")
    before = store.stats(WORDS)
    disk.crash_at("written")
    with pytest.raises(PowerCut):
        add(store, b"b", b"c", context=[POWER])
    assert store.stats(WORDS) == before
    assert add(store, b"d", context=[POWER]) == Added(2, 1)
    assert values(store) == [b"a", b"d"]
    store.close()
