"""What is known about artifacts, in one SQLite file: who holds which blob, and the versions of mutable artifacts."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artifact_manager.errors import ArtifactCorrupt, LimitExceeded

Migration = Callable[[sqlite3.Connection], None]
"""From one version to the next, inside a transaction, which it must not end."""

MIGRATIONS: Sequence[Migration] = ()
"""The first leads from version 1 to version 2. Who changes a table that `_SCHEMA` makes appends what does the same to
one that is there already."""
SCHEMA_VERSION = 1 + len(MIGRATIONS)

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS uploads (
        enclave INTEGER NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, used_ms INTEGER NOT NULL,
        PRIMARY KEY (enclave, sha256)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS pins (
        enclave INTEGER NOT NULL, purpose TEXT NOT NULL, sha256 TEXT NOT NULL,
        PRIMARY KEY (enclave, purpose)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS artifacts (
        enclave INTEGER NOT NULL, uri TEXT NOT NULL, last_version INTEGER NOT NULL, in_use INTEGER NOT NULL,
        PRIMARY KEY (enclave, uri)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS versions (
        enclave INTEGER NOT NULL, uri TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
        run INTEGER NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL,
        plan_name TEXT NOT NULL, plan_version TEXT NOT NULL,
        context TEXT NOT NULL, collections TEXT NOT NULL, metrics TEXT NOT NULL,
        PRIMARY KEY (enclave, uri, version)) WITHOUT ROWID""",
)


class Catalog:
    """A connection that threads share, one at a time. A write is durable when `transaction` is left."""

    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        """Open or create the file; an earlier release's is migrated, all or nothing. Raises ArtifactCorrupt where it is
        no catalog, or a later release's."""
        self._lock = threading.RLock()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(path, migrations)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ArtifactCorrupt(
                f"{path} is damaged: restore a backup with insitu data restore, or remove {path.parent} to start anew"
            ) from error
        except ArtifactCorrupt:
            self._connection.close()
            raise

    def _prepare(self, path: Path, migrations: Sequence[Migration]) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        known = 1 + len(migrations)
        with self.transaction() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > known:
                raise ArtifactCorrupt(f"{path} has schema version {found}, not {known}: install the newer release")
            if found:
                for migration in migrations[found - 1 :]:
                    migration(connection)
            for statement in _SCHEMA:
                connection.execute(statement)
            if found != known:
                connection.execute(f"PRAGMA user_version={known}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write: all or nothing. Nests into the transaction under way on the same thread.

        Raises LimitExceeded when the disk is full.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise LimitExceeded("the disk has no room for artifacts: free some space and repeat") from error
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Reads that see one state. Do not write here."""
        with self._lock:
            yield self._connection

    def scrub(self) -> None:
        """Leave nothing of deleted rows on disk: empties the log that still has their old versions."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Repeatable."""
        with self._lock:
            self._connection.close()
