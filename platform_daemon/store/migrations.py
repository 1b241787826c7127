"""How a store of an earlier format becomes one of this release's format.

To change the records: append a step that turns every record of the last format into records of the next one, and have
`python -m tests.upgrades.write_state` write an archive before. A step sees sealed values: it may move and reframe them,
and fill in what can be counted; what can only be known unsealed keeps its old record version until it is written anew.

A migration copies into a database beside the old one; then the file `format` is replaced, which is the one moment at
which old becomes new; then the old database goes. It needs as much room again as the store, and cannot be half done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from platform_daemon.store.database import Database
from platform_daemon.store.records import PORTION_BYTES

Step = Callable[[Iterator[tuple[bytes, bytes]]], Iterable[tuple[bytes, bytes]]]
"""From all records of one format, in the order of their keys, to those of the next, in any order."""

STEPS: Sequence[Step] = ()
"""The first leads from format 1 to format 2."""

_END = b"\xff"
"""After every key: tables are named by letters."""


def database_name(store_format: int) -> str:
    """The folder of a format's database, so that two of them have room side by side."""
    return "examples" if store_format == 1 else f"examples-{store_format}"


def fill(database: Database, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Write records into a database, in portions of a megabyte; returns how many. Inside its gate; `sync` it in the
    end."""
    write, size_bytes, number = database.batch(), 0, 0
    for key, value in records:
        write.put(key, value)
        size_bytes += len(key) + len(value)
        number += 1
        if size_bytes >= PORTION_BYTES:
            write.write()
            write, size_bytes = database.batch(), 0
    write.write()
    return number


def convert(source: Path, target: Path, steps: Sequence[Step]) -> None:
    """Make the database `target` from `source`, which stays as it is. Durable on return."""
    Database.create(target)
    old, new = Database(source), Database(target)
    try:
        with old, new:
            records: Iterable[tuple[bytes, bytes]] = old.items(b"", _END)
            for step in steps:
                records = step(iter(records))
            fill(new, records)
            new.sync()
    finally:
        new.close()
        old.close()
