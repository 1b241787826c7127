"""One SQLite file for all that is small and must change together: apps, grants, collections, sessions.

Examples are not here (the store has them), nor are parameters (the artifact manager has them).
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 1


class SchemaFromTheFuture(Exception):
    """The file was written by a later release."""


class Database:
    """A connection that threads share, one at a time.

    Writes are durable when `transaction` returns: WAL with synchronous=FULL, a few hundred microseconds that only
    configuration and commits of training pay.
    """

    def __init__(self, path: Path, schemas: tuple[str, ...]) -> None:
        """Open or create the file. `schemas` are scripts of CREATE … IF NOT EXISTS, one for each module that stores."""
        self._lock = threading.RLock()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(handle)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.execute("PRAGMA secure_delete=ON")
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > SCHEMA_VERSION:
            self._connection.close()
            raise SchemaFromTheFuture(
                f"{path} has schema version {found}, this release knows {SCHEMA_VERSION}:"
                " install the newer release again"
            )
        with self.transaction() as connection:
            for schema in schemas:
                for statement in filter(str.strip, schema.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

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
