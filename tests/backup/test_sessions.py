"""A backup under way: page after page, one at a time, given up when nobody asks."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.backup.sessions import IDLE_S, Backups
from platform_daemon.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from platform_daemon.storage import Storage
from platform_daemon.store.store import Batch, Place, Retention
from tests.backup.samples import QUICK, backups_of, opened

KEY = bytes(32)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """With more than fits into two pages."""
    storage = opened(tmp_path / "state")
    for number in range(10):
        storage.store.add(Batch(Place(1, 1), 0, [bytes([number]) * 1_000_000], Retention(86_400_000)))
    yield storage
    storage.close()


@pytest.fixture
def backups(storage: Storage, clock: ManualClock) -> Backups:
    return backups_of(storage, clock)


def test_pages_come_in_order_and_the_last_one_again(backups: Backups) -> None:
    token, manifest = backups.begin(KEY, QUICK)
    first = backups.read(token, 0)
    assert backups.read(token, 0) == first
    second = backups.read(token, 1)
    assert second.data != first.data
    assert first.done_bytes < second.done_bytes <= manifest.size_bytes + 1000
    for page in (0, 3, -1):
        with pytest.raises(InvalidArgument, match="page 2 is the next"):
            backups.read(token, page)
    last = backups.read(token, 2)
    assert last.last
    assert backups.read(token, 2) == last
    with pytest.raises(InvalidArgument):
        backups.read(token, 3)


def test_one_at_a_time(backups: Backups, clock: ManualClock) -> None:
    token, _ = backups.begin(KEY, QUICK)
    with pytest.raises(FailedPrecondition, match="under way"):
        backups.begin(KEY, QUICK)
    backups.end("another")
    assert not backups.read(token, 0).last
    backups.end(token)
    backups.end(token)
    with pytest.raises(NotFound, match="begin another"):
        backups.read(token, 1)
    backups.begin(KEY, QUICK)


def test_what_nobody_asks_for_is_given_up(backups: Backups, clock: ManualClock) -> None:
    token, _ = backups.begin(KEY, QUICK)
    clock.advance(IDLE_S - 1)
    backups.read(token, 0)
    clock.advance(IDLE_S - 1)
    backups.end_idle()
    backups.read(token, 1)
    clock.advance(IDLE_S)
    before = len(os.listdir("/proc/self/fd"))
    backups.end_idle()
    assert len(os.listdir("/proc/self/fd")) < before
    with pytest.raises(NotFound):
        backups.read(token, 2)


def test_it_ends_with_the_store(backups: Backups, storage: Storage) -> None:
    token, _ = backups.begin(KEY, QUICK)
    backups.read(token, 0)
    storage.close()
    with pytest.raises(Unavailable):
        backups.read(token, 1)
    with pytest.raises(NotFound):
        backups.read(token, 1)


def test_a_key_has_a_length(backups: Backups) -> None:
    with pytest.raises(InvalidArgument, match="recovery_key"):
        backups.begin(b"short", QUICK)
    backups.begin(KEY, QUICK)
