"""One SQLite file for all that is small and must change together: apps, grants, collections, sessions.

Examples are not here (the store has them), nor are parameters (the artifact manager has them).
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from platform_daemon.errors import DataLoss, give_up
from platform_daemon.state.migrations import MIGRATIONS, Migration, migrate

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SchemaFromTheFuture(Exception):
    """The file was written by a later release."""


def version_of(path: Path) -> int:
    """The schema version of a file that nobody has open; 0 where there is none, or nothing in it. Raises DataLoss."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    return int(found)


def refuse_newer(path: Path, found: int, known: int) -> None:
    """Raises SchemaFromTheFuture."""
    if found > known:
        raise SchemaFromTheFuture(
            f"{path} has schema version {found}, this release knows {known}: install the newer release again"
        )


class Database:
    """A connection that threads share, one at a time.

    Writes are durable when `transaction` returns: WAL with synchronous=FULL, a few hundred microseconds that only
    configuration and commits of training pay.
    """

    def __init__(self, path: Path, schemas: tuple[str, ...], migrations: Sequence[Migration] = MIGRATIONS) -> None:
        """Open or create the file. `schemas` are scripts of CREATE … IF NOT EXISTS, one for each module that stores.

        Raises SchemaFromTheFuture, DataLoss when the file is damaged."""
        self._lock = threading.RLock()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(handle)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(path, schemas, migrations)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if error.sqlite_errorcode in _DAMAGED:
                raise _damaged(path, str(error)) from error
            raise
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path, schemas: tuple[str, ...], migrations: Sequence[Migration]) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damaged(path, verdict.splitlines()[-1])
        known = 1 + len(migrations)
        with self.transaction() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            refuse_newer(path, found, known)
            if found:
                migrate(connection, found, migrations)
            for schema in schemas:
                for statement in filter(str.strip, schema.split(";")):
                    connection.execute(statement)
            if found != known:
                connection.execute(f"PRAGMA user_version={known}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write: all or nothing. Nests into the transaction under way on the same thread."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk fails the commit, or a statement, which SQLite may have rolled back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Reads that see one state. Do not write here."""
        with self._lock:
            yield self._connection

    def scrub(self) -> None:
        """Leave nothing of deleted rows on disk: pages are zeroed as rows go, this empties the log that still has
        their old versions."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _damaged(path: Path, why: str) -> DataLoss:
    return DataLoss(
        f"{path} is damaged ({why}): {give_up(path.parent)}",
        reason="STATE_DAMAGED",
    )
