"""Migrations: old or new, never half, whenever the process dies; and a later release's files are left alone."""

import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import plyvel
import pytest

from artifact_manager import ArtifactCorrupt, Catalog
from context.clock import ManualClock
from platform_daemon.errors import DataLoss, FailedPrecondition
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.state.database import Database, SchemaFromTheFuture, version_of
from platform_daemon.state.migrations import SCHEMA_VERSION
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.folder import StoreFolder, format_of
from platform_daemon.store.leveldb import LevelDBStore
from tests.store.samples import POWER, add
from tests.upgrades.migrating import COLUMN, MARK, TABLES, Events, marking, migrate_database, migrate_store

ROOT = Path(__file__).parents[2]
ARCHIVES = sorted(Path(__file__).parent.glob("state-*.tar.gz"))
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


def records(store: Path) -> dict[bytes, bytes]:
    (database,) = store.glob("examples*")
    with plyvel.DB(str(database)) as opened:
        return dict(opened)


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return [row for table in TABLES for row in connection.execute(f"SELECT * FROM {table} ORDER BY number")]


def test_an_old_store_and_an_old_database_become_new(folder: Path) -> None:
    before, rows_before = records(folder / "store"), rows(folder / "state.db")
    migrate_store(folder / "store", Events(NEVER))
    migrate_database(folder / "state.db", Events(NEVER))
    assert format_of(folder / "store") == version_of(folder / "state.db") == 2
    assert records(folder / "store") == {key: value + MARK for key, value in before.items()}
    assert rows(folder / "state.db") == [(*row, 7 + int(str(row[0]))) for row in rows_before]
    assert len(before) > 10
    # Again, there is nothing to do.
    migrate_store(folder / "store", Events(NEVER))
    assert len(records(folder / "store")) == len(before)


def killed_copies(kind: str, original: Path, folder: Path) -> list[Path]:
    """Copies of the original, each killed one event later in its migration than the one before; the last was not."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.upgrades.migrating", kind, original, folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [
        folder / str(events) for events in range(1, 1 + len([one for one in folder.iterdir() if one.name.isdigit()]))
    ]


@pytest.mark.faults
def test_a_store_killed_at_any_event_is_old_or_new(folder: Path) -> None:
    before = records(folder / "store")
    after = {key: value + MARK for key, value in before.items()}
    outcomes = []
    for copy in killed_copies("store", folder / "store", folder / "copies"):
        outcomes.append(format_of(copy))
        # The next to open it tidies up, and finds it whole.
        held = StoreFolder(copy, LocalDisk(), (marking(lambda: None),) * (outcomes[-1] - 1))
        held.provision(lambda: None)
        held.release()
        assert records(copy) == (after if outcomes[-1] == 2 else before), copy
    assert sorted(set(outcomes)) == [1, 2]
    assert len(outcomes) > len(before)


@pytest.mark.faults
def test_a_database_killed_at_any_statement_is_old_or_new(folder: Path) -> None:
    before = rows(folder / "state.db")
    outcomes = []
    for copy in killed_copies("database", folder / "state.db", folder / "copies"):
        outcomes.append(version_of(copy))
        columns = {len(row) - len(old) for row, old in zip(rows(copy), before, strict=True)}
        assert columns == {outcomes[-1] - 1}, copy
    assert sorted(set(outcomes)) == [1, 2]
    assert len(outcomes) > 2 * len(TABLES)


def shape(path: Path) -> dict[str, list[str]]:
    """The columns of each table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in sorted(tables)
        }


@pytest.mark.faults
def test_a_catalog_killed_at_any_statement_is_old_or_new(tmp_path: Path) -> None:
    original = tmp_path / "artifacts.db"
    Catalog(original, ()).close()
    old = shape(original)
    outcomes = []
    for copy in killed_copies("catalog", original, tmp_path / "copies"):
        outcomes.append(version_of(copy))
        assert (shape(copy) == old) is (outcomes[-1] == 1), copy
    assert sorted(set(outcomes)) == [1, 2]
    with pytest.raises(ArtifactCorrupt, match="version 2, not 1: install the newer release"):
        Catalog(copy, ())


@pytest.mark.faults
@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_an_earlier_releases_database_is_old_or_new_at_any_statement(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="tar")
    original = tmp_path / "state" / "state.db"
    old, version = shape(original), version_of(original)
    copies = killed_copies("release", original, tmp_path / "copies")
    outcomes = [version_of(copy) for copy in copies]
    new = shape(copies[-1])
    for copy, outcome in zip(copies, outcomes, strict=True):
        assert shape(copy) == (new if outcome == SCHEMA_VERSION else old), copy
    assert set(outcomes) == {version, SCHEMA_VERSION}


@pytest.mark.parametrize("damage", [b"", b"insitu example store, format 1", b"insitu example stor\xe5, format 1\n"])
def test_a_damaged_mark_is_told_from_a_later_one(folder: Path, damage: bytes) -> None:
    (folder / "store" / "format").write_bytes(damage)
    with pytest.raises(DataLoss, match=r"format is damaged.*backup"):
        LevelDBStore.open(folder / "store", ManualClock())


def test_a_later_releases_files_are_refused_and_untouched(folder: Path) -> None:
    migrate_store(folder / "store", Events(NEVER))
    migrate_database(folder / "state.db", Events(NEVER))
    before = records(folder / "store")
    with pytest.raises(FailedPrecondition, match="format 2, this release knows 1: install the newer release again"):
        StoreFolder(folder / "store", LocalDisk(), ()).provision(lambda: None)
    with pytest.raises(SchemaFromTheFuture, match="version 2, this release knows 1: install the newer release again"):
        Database(folder / "state.db", (SCHEMA,), ())
    assert records(folder / "store") == before


def test_a_step_that_fails_leaves_the_old_database(folder: Path) -> None:
    before = rows(folder / "state.db")

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute(f"ALTER TABLE collections ADD COLUMN {COLUMN}")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Database(folder / "state.db", (SCHEMA,), (fails,))
    assert rows(folder / "state.db") == before
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
