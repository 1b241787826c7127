"""How a state database of an earlier release becomes one of this release.

To change a table: change its CREATE statement in the module that owns it, append a function here that does the same to
a file that has the table already, and have `python -m tests.upgrades.write_state` write an archive before. A new table
needs no function: what is missing is created.

All steps that a file needs run in one transaction, with the new version as its last statement. So a process that is
killed at any point leaves the old file or the new one.
"""

import sqlite3
from collections.abc import Callable, Sequence

Migration = Callable[[sqlite3.Connection], None]
"""Runs inside a transaction, which it must not end."""


def _durable_collections(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE collections ADD COLUMN durable INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: Sequence[Migration] = (_durable_collections,)
"""The first leads from version 1 to version 2."""

SCHEMA_VERSION = 1 + len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, found: int, migrations: Sequence[Migration]) -> None:
    """Bring a database from version `found`, of an earlier release, to the last one. Inside a transaction."""
    for migration in migrations[found - 1 :]:
        migration(connection)
