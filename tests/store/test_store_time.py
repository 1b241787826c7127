"""The file that remembers what the clocks have shown, and those who wait for each other at the end of an era."""

import errno
import os
import threading
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.scope import RECORDS, Selector
from platform_daemon.store.store_time import PROMISE_MS, StoreTime
from tests.store.samples import DAY_MS, HOUR_MS, POWER, WORDS, add, die, values


class BadDisk(LocalDisk):
    """Refuses to write while it is told so."""

    refuses_with: int | None = None

    def write(self, path: Path, data: bytes) -> None:
        if self.refuses_with is not None:
            raise OSError(self.refuses_with, os.strerror(self.refuses_with))
        super().write(path, data)


REFUSALS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EACCES]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def keys(store: LevelDBStore) -> int:
    return len(store.keyring.select(Selector(kinds=RECORDS)))


def opened(folder: Path, clock: ManualClock, disk: BadDisk | None = None) -> StoreTime:
    return StoreTime.open(folder / "clock", clock, lambda: 1, disk or BadDisk(), empty=True)


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
    assert store.time.status().notes_lost
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


class NothingWritten(BadDisk):
    refuses_with = errno.EROFS


def _after_a_power_cut(clock: ManualClock) -> ManualClock:
    later = ManualClock(clock.now_ms() - DAY_MS)
    later.reboot(0)
    return later


@pytest.mark.parametrize("refuses_with", REFUSALS)
def test_a_bad_disk_keeps_nobody_from_reading(tmp_path: Path, clock: ManualClock, refuses_with: int) -> None:
    disk = BadDisk()
    time = opened(tmp_path, clock, disk)
    disk.refuses_with = refuses_with
    clock.jump(86_400)
    jumped = time.now()
    assert jumped.now_ms == clock.now_ms()
    disk.refuses_with = None
    clock.advance(2)
    time.now()
    clock.jump(-86_400)
    again = opened(tmp_path, clock)
    assert again.now().hidden_ms(0) >= jumped.now_ms


@pytest.mark.parametrize("refuses_with", REFUSALS)
def test_nor_from_storing_with_the_keys_that_there_are(tmp_path: Path, clock: ManualClock, refuses_with: int) -> None:
    disk = BadDisk()
    store = LevelDBStore.open(tmp_path, clock, disk=disk)
    add(store, b"first")
    disk.refuses_with = refuses_with
    clock.advance(2 * PROMISE_MS / 1000)
    assert add(store, b"second").count == 1
    assert values(store) == [b"first", b"second"]
    assert store.stats(WORDS).examples == 2
    disk.refuses_with = None
    store.close()


def test_a_turn_that_fails_leaves_the_next_to_another(tmp_path: Path, clock: ManualClock) -> None:
    failures = [OSError(errno.EIO, "once")]

    def retire() -> int:
        if failures:
            raise failures.pop()
        return 7

    time = StoreTime.open(tmp_path / "clock", clock, retire, LocalDisk(), empty=True)
    clock.jump(86_400)
    with pytest.raises(OSError, match="once"):
        time.now()
    assert time.now().present == 7
    with time.held() as moment:
        assert moment.present == 7


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
