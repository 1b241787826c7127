"""Deletes what no key opens any more from a store that nobody has open: after keys were taken from its keyring.

While a store is open, whoever destroys keys of examples deletes them too. Context parts are left to its next sweep.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from platform_daemon.store import layout
from platform_daemon.store.database import Database
from platform_daemon.store.folder import format_of
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.layout import Ledger, Run
from platform_daemon.store.migrations import database_name


def drop_keyless(folder: Path, keyring: Keyring) -> int:
    """Delete the examples of the store in `folder` that nobody can read, out of index and ledgers too; returns how
    many. Raises DataLoss."""
    gone: dict[tuple[int, int], list[Run]] = defaultdict(list)
    with closing(Database(folder / database_name(format_of(folder)))) as database, database:
        for write, (place, run) in database.in_portions(_keyless(database, keyring)):
            write.delete(layout.run_key(*place, run.expiry_ms, run.first))
            for sequence in range(run.first, run.end):
                write.delete(layout.example_key(*place, sequence))
            gone[place].append(run)
        write = database.batch()
        for place, runs in gone.items():
            key = layout.ledger_key(*place)
            if (value := database.get(key)) is not None:
                write.put(key, _without(layout.ledger_of(key, value)[2], runs).encode())
        write.write()
    return sum(run.examples for runs in gone.values() for run in runs)


def _keyless(database: Database, keyring: Keyring) -> Iterator[tuple[tuple[int, int], Run]]:
    """A run's examples were stored together, and so were sealed by one key."""
    for key, value in database.items(b"r", layout.after(b"r")):
        place, run = layout.place_of(key), layout.run_of(key, value)
        example = database.get(layout.example_key(*place, run.first))
        if example is not None and keyring.cipher(layout.EXAMPLE_HEADER.unpack_from(example)[2]) is None:
            yield place, run


def _without(ledger: Ledger, runs: list[Run]) -> Ledger:
    return ledger._replace(
        examples=ledger.examples - sum(run.examples for run in runs),
        size_bytes=ledger.size_bytes - sum(run.size_bytes for run in runs),
    )
