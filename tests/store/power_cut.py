"""A power cut: what of a store's folder is left when only synced bytes are. Run as `python -m tests.store.power_cut
FOLDER NOTES`: store until stopped, durably and not, saying on standard output what was acknowledged as durable."""

import os
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from context.clock import SystemClock
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place
from tests.store.samples import add

DURABLE_WRITERS = 4
PASSING = Place(9, 9)
"""Whose examples nobody syncs."""


class NotingDisk(LocalDisk):
    """Notes how much of each log was there when its sync began, and does not wait for the medium."""

    def __init__(self, notes: Path | None = None) -> None:
        self.synced: dict[str, int] = {}
        self.syncs = 0
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if notes else -1

    def sync_file(self, path: Path) -> None:
        self.syncs += 1
        self.synced[path.name] = path.stat().st_size
        if self._notes >= 0:
            os.write(self._notes, f"{path.name} {self.synced[path.name]}\n".encode())


def read_notes(notes: Path) -> dict[str, int]:
    lines = notes.read_text().splitlines() if notes.exists() else []
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def cut(folder: Path, target: Path, synced: Mapping[str, int]) -> int:
    """Copy a store that stands still as a power cut would leave it; returns how many bytes went. LevelDB syncs its
    tables and its manifest itself."""
    shutil.copytree(folder, target)
    lost = 0
    for log in target.glob("examples/*.log"):
        size = log.stat().st_size
        with log.open("r+b") as file:
            file.truncate(min(size, synced.get(log.name, 0)))
        lost += size - log.stat().st_size
    return lost


def write_durably(store: LevelDBStore, collection: int) -> None:
    number = 0
    while True:
        example = b"%d/%d " % (collection, number)
        add(store, example.ljust(3000, b"."), place=Place(1, collection))
        store.sync().result()
        os.write(1, b"%d\n" % collection)
        number += 1


def write(store: LevelDBStore) -> None:
    while True:
        add(store, *[bytes(3000)] * 50, place=PASSING, max_examples=2000)


if __name__ == "__main__":
    opened = LevelDBStore.open(Path(sys.argv[1]), SystemClock(), disk=NotingDisk(Path(sys.argv[2])))
    for thread_number in range(1, DURABLE_WRITERS + 1):
        threading.Thread(target=write_durably, args=(opened, thread_number)).start()
    write(opened)
