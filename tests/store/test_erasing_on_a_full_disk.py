"""Whoever deletes on a disk that takes nothing more is told so, and what he deleted is gone all the same."""

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.logs import LogEvent
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.scope import RECORDS, Selector
from tests.store.samples import FOREIGN, WORDS, add, values
from tests.store.test_full_disk import RefusingDisk, fail_a_write


@pytest.mark.parametrize("erase", [lambda store: store.clear(WORDS), lambda store: store.remove_enclave(WORDS.enclave)])
def test_keys_go_where_the_database_takes_no_entry(tmp_path: Path, erase: Callable[[LevelDBStore], object]) -> None:
    disk, clock = RefusingDisk(), ManualClock()
    folder = tmp_path / "store"
    store = LevelDBStore.open(folder, clock, disk=disk)
    add(store, b"a")
    add(store, b"others", place=FOREIGN)
    disk.refuses_with = errno.ENOSPC
    fail_a_write(store, folder)
    with pytest.raises(ResourceExhausted):
        erase(store)
    assert store.keyring.select(Selector(kinds=RECORDS, enclave=WORDS.enclave)) == {}
    assert values(store) == []
    disk.refuses_with = None
    add(store, b"b")
    assert values(store) == [b"b"]
    assert store.stats(WORDS).examples == 1
    assert values(store, FOREIGN) == [b"others"]
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert values(store) == [b"b"]
    assert store.reckon() == 0
    store.close()


def test_a_handle_that_turns_bad_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk, folder = RefusingDisk(), tmp_path / "store"
    store = LevelDBStore.open(folder, ManualClock(), disk=disk)
    add(store, b"a")
    disk.refuses_with = errno.ENOSPC
    fail_a_write(store, folder)
    for _ in range(3):
        with pytest.raises(ResourceExhausted):
            add(store, b"b")
    events = [getattr(record, "event", "") for record in caplog.records if record.levelno == logging.ERROR]
    assert events == [LogEvent.STORE_UNUSABLE.value]
    store.close()
