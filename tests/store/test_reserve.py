"""Examples leave room on the disk for what deletes them."""

import logging
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.logs import LogEvent
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.reserve import LOOK_BYTES, LOOK_MS, Reserve
from tests.store.samples import FOREIGN, WORDS, add, values

MIB = 1 << 20


class MeasuredDisk(LocalDisk):
    """Has the room that the test says."""

    def __init__(self, free_bytes: int, total_bytes: int) -> None:
        self.free_bytes = free_bytes
        self.total_bytes = total_bytes
        self.looks = 0

    def room(self, folder: Path) -> tuple[int, int]:
        self.looks += 1
        return self.free_bytes, self.total_bytes


def test_examples_are_refused_before_the_reserve_and_erasures_are_not(tmp_path: Path) -> None:
    clock, disk = ManualClock(), MeasuredDisk(65 * MIB, 1 << 40)
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk, reserve_bytes=64 * MIB)
    add(store, b"a", key=b"1")
    add(store, b"b", place=FOREIGN)
    disk.free_bytes = 64 * MIB
    clock.advance(2)
    for example in (b"c", b"x" * 10_000):
        with pytest.raises(ResourceExhausted, match=r"64 MiB are kept free.*limits\.disk_reserve_bytes") as caught:
            add(store, example)
        assert caught.value.reason == "DISK_FULL"
    assert add(store, b"a", key=b"1").repeated
    assert values(store) == [b"a"]
    assert store.clear(WORDS) == 1
    store.remove_enclave(FOREIGN.enclave)
    assert values(store) == values(store, FOREIGN) == []
    disk.free_bytes = 66 * MIB
    add(store, b"d")
    assert values(store) == [b"d"]
    store.close()


@pytest.mark.parametrize(("total_mib", "kept_mib"), [(1024, 64), (160, 64), (48, 24)])
def test_a_small_disk_keeps_less(tmp_path: Path, total_mib: int, kept_mib: int) -> None:
    disk = MeasuredDisk((kept_mib + 1) * MIB, total_mib * MIB)
    reserve = Reserve(tmp_path, disk, 64 * MIB)
    reserve.check(1, MIB // 2, 0)
    assert reserve.scarce()
    with pytest.raises(ResourceExhausted, match=f"{kept_mib} MiB are kept free"):
        reserve.check(1, 2 * MIB, 0)
    disk.free_bytes = 2 * kept_mib * MIB
    assert not reserve.scarce()


def test_the_disk_is_asked_once_in_a_while(tmp_path: Path) -> None:
    disk = MeasuredDisk(1 << 40, 1 << 41)
    reserve = Reserve(tmp_path, disk, 64 * MIB)
    for _ in range(100):
        reserve.check(1, 100, 5000)
    assert disk.looks == 1
    reserve.check(1, LOOK_BYTES, 5000)
    assert disk.looks == 2
    reserve.check(1, 100, 5000 + LOOK_MS)
    assert disk.looks == 3
    reserve.check(1, 100, 1)  # the clock was set back
    assert disk.looks == 4


def test_it_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = MeasuredDisk(0, 48 * MIB)
    reserve = Reserve(tmp_path, disk, 64 * MIB)
    with caplog.at_level(logging.WARNING):
        for free_bytes in (0, 0, 40 * MIB, 0):
            disk.free_bytes = free_bytes
            if free_bytes:
                reserve.check(1, MIB, 0)
                continue
            with pytest.raises(ResourceExhausted):
                reserve.check(1, MIB, 0)
    assert [record.event for record in caplog.records] == [LogEvent.DISK_LOW.value] * 2  # type: ignore[attr-defined]
