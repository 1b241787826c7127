"""Migrations: old or new, never half, whenever the process dies; and a later release's files are left alone."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import plyvel
import pytest

from context.clock import ManualClock
from platform_daemon.errors import DataLoss, FailedPrecondition
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.state.database import Database, SchemaFromTheFuture, version_of
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.folder import StoreFolder, format_of
from platform_daemon.store.leveldb import LevelDBStore
from tests.store.samples import POWER, add
from tests.upgrades.migrating import COLUMN, MARK, TABLES, Events, marking, migrate_database, migrate_store

ROOT = Path(__file__).parents[2]
NEVER = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with a few examples and a database with a few collections, closed."""
    store = LevelDBStore.open(tmp_path / "store", ManualClock())
    for number in range(5):
        add(store, b"%d" % number, context=[POWER])
    store.close()
    database = Database(tmp_path / "state.db", (SCHEMA,), ())
    collections = CollectionRepository(database)
    for name in ("words", "taps"):
        collections.configure(1, name)
    collections.account(1, "work", create=True)
    database.close()
    return tmp_path


def records(folder: Path) -> dict[bytes, bytes]:
    (database,) = (folder / "store").glob("examples*")
    with plyvel.DB(str(database)) as opened:
        return dict(opened)


def rows(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        return [row for table in TABLES for row in connection.execute(f"SELECT * FROM {table} ORDER BY number")]


def test_an_old_store_and_an_old_database_become_new(folder: Path) -> None:
    before, rows_before = records(folder), rows(folder)
    migrate_store(folder / "store", Events(NEVER))
    migrate_database(folder / "state.db", Events(NEVER))
    assert format_of(folder / "store") == version_of(folder / "state.db") == 2
    assert records(folder) == {key: value + MARK for key, value in before.items()}
    assert rows(folder) == [(*row, 7 + int(str(row[0]))) for row in rows_before]
    assert len(before) > 10
    # Again, there is nothing to do.
    migrate_store(folder / "store", Events(NEVER))
    assert len(records(folder)) == len(before)


def killed_after(events: int, what: str, path: Path) -> bool:
    """Whether that many happened."""
    command = [sys.executable, "-m", "tests.upgrades.migrating", what, str(path), str(events)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode != 0


@pytest.mark.faults
def test_a_store_killed_at_any_event_is_old_or_new(folder: Path) -> None:
    before = records(folder)
    after = {key: value + MARK for key, value in before.items()}
    original = folder / "store"
    outcomes = []
    for events in range(1, NEVER):
        (folder / "aside").mkdir()
        killed = killed_after(events, "store", shutil.copytree(original, folder / "aside" / "store"))
        found = format_of(folder / "aside" / "store")
        outcomes.append(found)
        # The next to open it tidies up, and finds it whole.
        held = StoreFolder(folder / "aside" / "store", LocalDisk(), (marking(lambda: None),) * (found - 1))
        held.provision(lambda: None)
        held.release()
        assert records(folder / "aside") == (after if found == 2 else before), events
        shutil.rmtree(folder / "aside")
        if not killed:
            break
    assert sorted(set(outcomes)) == [1, 2]
    assert len(outcomes) > len(before)


@pytest.mark.faults
def test_a_database_killed_at_any_statement_is_old_or_new(folder: Path) -> None:
    before = rows(folder)
    outcomes = []
    for events in range(1, NEVER):
        (folder / "aside").mkdir()
        killed = killed_after(events, "database", Path(shutil.copy(folder / "state.db", folder / "aside")))
        outcomes.append(version_of(folder / "aside" / "state.db"))
        columns = {len(row) - len(old) for row, old in zip(rows(folder / "aside"), before, strict=True)}
        assert columns == {outcomes[-1] - 1}, events
        shutil.rmtree(folder / "aside")
        if not killed:
            break
    assert sorted(set(outcomes)) == [1, 2]
    assert len(outcomes) > 2 * len(TABLES)


@pytest.mark.parametrize("damage", [b"", b"insitu example store, format 1", b"insitu example stor\xe5, format 1\n"])
def test_a_damaged_mark_is_told_from_a_later_one(folder: Path, damage: bytes) -> None:
    (folder / "store" / "format").write_bytes(damage)
    with pytest.raises(DataLoss, match=r"format is damaged.*backup"):
        LevelDBStore.open(folder / "store", ManualClock())


def test_a_later_releases_files_are_refused_and_untouched(folder: Path) -> None:
    migrate_store(folder / "store", Events(NEVER))
    migrate_database(folder / "state.db", Events(NEVER))
    before = records(folder)
    with pytest.raises(FailedPrecondition, match="format 2, this release knows 1: install the newer release again"):
        StoreFolder(folder / "store", LocalDisk(), ()).provision(lambda: None)
    with pytest.raises(SchemaFromTheFuture, match="version 2, this release knows 1: install the newer release again"):
        Database(folder / "state.db", (SCHEMA,), ())
    assert records(folder) == before


def test_a_step_that_fails_leaves_the_old_database(folder: Path) -> None:
    before = rows(folder)

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute(f"ALTER TABLE collections ADD COLUMN {COLUMN}")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Database(folder / "state.db", (SCHEMA,), (fails,))
    assert rows(folder) == before
    Database(folder / "state.db", (SCHEMA,), ()).close()


@pytest.mark.parametrize("damage", ["cut", "overwritten", "garbage"])
def test_a_damaged_database_names_its_remedy(folder: Path, damage: str) -> None:
    path = folder / "state.db"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "overwritten":
        data[4096 : len(data) : 4096] = b"\xff" * len(range(4096, len(data), 4096))
    else:
        data = bytearray(b"no database at all" * 1000)
    path.write_bytes(data)
    with pytest.raises(DataLoss, match=r"state\.db is damaged.*backup"):
        Database(path, (SCHEMA,), ())
