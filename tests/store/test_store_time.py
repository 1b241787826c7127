"""The file that remembers what the clocks have shown, and those who wait for each other at the end of an era."""

import threading
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.scope import RECORDS, Selector
from platform_daemon.store.store_time import PROMISE_MS, StoreTime
from tests.store.samples import DAY_MS, HOUR_MS, POWER, add, die, values


class FullDisk(LocalDisk):
    """Has no room while it is told so."""

    full = False

    def write(self, path: Path, data: bytes) -> None:
        if self.full:
            raise ResourceExhausted("the disk has no room", reason="DISK_FULL")
        super().write(path, data)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def keys(store: LevelDBStore) -> int:
    return len(store.keyring.select(Selector(kinds=RECORDS)))


def opened(folder: Path, clock: ManualClock, disk: FullDisk | None = None) -> StoreTime:
    return StoreTime.open(folder / "clock", clock, lambda: 1, disk or FullDisk(), empty=True)


@pytest.mark.parametrize("damage", [b"", b"{}\nabc\n", b"\xff" * 300, None])
def test_without_the_file_nothing_is_shown_and_nothing_destroyed(
    tmp_path: Path, clock: ManualClock, damage: bytes | None
) -> None:
    """As with the store of a release that did not write it."""
    store = LevelDBStore.open(tmp_path, clock)
    add(store, b"brief", ttl_ms=HOUR_MS, context=[POWER])
    add(store, b"long", ttl_ms=100 * DAY_MS)
    store.close()
    clock.reboot(10 * 86_400)
    (tmp_path / "clock").unlink()
    if damage is not None:
        (tmp_path / "clock").write_bytes(damage)
    store = LevelDBStore.open(tmp_path, clock)
    assert values(store) == [b"long"]
    before = keys(store)
    assert store.sweep().keys == 0
    assert keys(store) == before
    add(store, b"new", ttl_ms=HOUR_MS)
    assert values(store) == [b"long", b"new"]
    clock.network_time = True
    clock.advance(2)
    assert store.sweep().examples == 1
    assert keys(store) == before + 1 - 2
    assert values(store) == [b"long", b"new"]
    store.close()


def test_a_killed_daemon_has_seen_what_it_promised(tmp_path: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(tmp_path, clock)
    add(store, b"brief", ttl_ms=PROMISE_MS // 2)
    clock.advance(PROMISE_MS / 2000)
    assert values(store) == []
    die(store)
    clock.reboot(0)
    clock.jump(-86_400)
    store = LevelDBStore.open(tmp_path, clock)
    assert values(store) == []
    store.close()


def test_no_look_goes_beyond_the_promise(tmp_path: Path, clock: ManualClock) -> None:
    time = opened(tmp_path, clock)
    for _ in range(500):
        clock.advance(0.9)
        seen_ms = time.now().now_ms
        again = StoreTime.open(tmp_path / "clock", _after_a_power_cut(clock), lambda: 2, NothingWritten(), empty=True)
        assert max(era.seen_ms for era in again.now().state.eras) >= seen_ms


class NothingWritten(LocalDisk):
    def write(self, path: Path, data: bytes) -> None:
        raise ResourceExhausted("somebody else's file", reason="DISK_FULL")


def _after_a_power_cut(clock: ManualClock) -> ManualClock:
    later = ManualClock(clock.now_ms() - DAY_MS)
    later.reboot(0)
    return later


def test_a_full_disk_keeps_nobody_from_reading(tmp_path: Path, clock: ManualClock) -> None:
    disk = FullDisk()
    time = opened(tmp_path, clock, disk)
    disk.full = True
    clock.jump(86_400)
    jumped = time.now()
    assert jumped.now_ms == clock.now_ms()
    disk.full = False
    clock.advance(2)
    time.now()
    clock.jump(-86_400)
    again = opened(tmp_path, clock)
    assert again.now().hidden_ms(0) >= jumped.now_ms


def test_an_era_ends_when_those_who_store_in_it_are_done(tmp_path: Path, clock: ManualClock) -> None:
    retired = []
    time = StoreTime.open(tmp_path / "clock", clock, lambda: retired.append(True) or 7, LocalDisk(), empty=True)
    looking = threading.Thread(target=time.now)
    with time.held() as moment:
        clock.jump(86_400)
        looking.start()
        looking.join(0.05)
        assert looking.is_alive()
        assert not retired
    looking.join(10)
    assert retired
    assert moment.present != time.now().present == 7
