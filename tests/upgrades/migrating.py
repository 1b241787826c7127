"""Migrations, some of them to a format and a schema that no release has, and a process that dies in the middle.

Run as `python -m tests.upgrades.migrating store|database|catalog|release ORIGINAL FOLDER`: migrate copies, each
in a process that SIGKILL ends one event later than the one before, until one gets to its end. An event is a record
converted, a step of replacing a file, a statement of SQL begun. The copies stay in the folder, by number of events.
`release` stands for a state database and this release's own migrations.
"""

import itertools
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from artifact_manager import Catalog
from platform_daemon.state.collections import SCHEMA
from platform_daemon.state.database import Database
from platform_daemon.state.migrations import MIGRATIONS, Migration
from platform_daemon.storage import SCHEMAS
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.folder import StoreFolder

MARK = b" of the next format"
TABLES = ("collections", "accounts")
COLUMN = "moved INTEGER NOT NULL DEFAULT 7"


class Events:
    """Counts what happens, and ends the process at the chosen event."""

    def __init__(self, deadly: int) -> None:
        self._left = deadly

    def happen(self, *_: object) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyDisk(LocalDisk):
    """Each thing that it does is an event, before and after."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def write(self, path: Path, data: bytes) -> None:
        self._events.happen()
        super().write(path, data)
        self._events.happen()

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._events.happen()

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self._events.happen()


def marking(happen: Callable[..., None]) -> Callable[[Iterator[tuple[bytes, bytes]]], Iterator[tuple[bytes, bytes]]]:
    """A step that marks every record."""

    def step(records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for key, value in records:
            happen()
            yield key, value + MARK

    return step


def migrate_store(folder: Path, events: Events) -> None:
    held = StoreFolder(folder, DeadlyDisk(events), (marking(events.happen),))
    held.provision(lambda: None)
    held.release()


def migrate_database(path: Path, events: Events) -> None:
    def step(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(events.happen)
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {COLUMN}")
            connection.execute(f"UPDATE {table} SET moved = moved + number")

    Database(path, (SCHEMA,), (step,)).close()
    events.happen()


def migrate_catalog(path: Path, events: Events) -> None:
    def step(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(events.happen)
        connection.execute(f"ALTER TABLE uploads ADD COLUMN {COLUMN}")

    Catalog(path, (step,)).close()
    events.happen()


def migrate_to_this_release(path: Path, events: Events) -> None:
    def traced(migration: Migration) -> Migration:
        def step(connection: sqlite3.Connection) -> None:
            connection.set_trace_callback(events.happen)
            migration(connection)

        return step

    Database(path, SCHEMAS, tuple(map(traced, MIGRATIONS))).close()
    events.happen()


def migrate_copies(migrate: Callable[[Path, Events], None], original: Path, folder: Path) -> None:
    """Forks: whoever runs this has no threads and nothing open."""
    for events in itertools.count(1):
        copy = folder / str(events)
        shutil.copytree(original, copy) if original.is_dir() else shutil.copy(original, copy)
        child = os.fork()
        if not child:
            migrate(copy, Events(events))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    kinds = {
        "store": migrate_store,
        "database": migrate_database,
        "catalog": migrate_catalog,
        "release": migrate_to_this_release,
    }
    migrate_copies(kinds[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
