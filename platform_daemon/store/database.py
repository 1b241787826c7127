"""LevelDB behind a gate: closing waits for whoever is inside, and errors come out as the daemon's.

plyvel crashes the process when a handle closes under a running call, and its iterators and batches belong to one
thread. So every use is inside `with database:`, which counts; iterators and batches are made, used and dropped within
one such block; `close` shuts the gate, waits for the count to reach zero, then closes.

Compression is off, since sealed bytes do not compress. Checksums are verified at every read and `paranoid_checks` is
on, because without them LevelDB loses records of a damaged log, and serves damaged blocks, in silence.
"""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

import plyvel

from platform_daemon.errors import DaemonError, DataLoss, ResourceExhausted, Unavailable

_WRITE_BUFFER_BYTES = 8 << 20
"""Twice as much makes writing hardly faster, and a sweep of a large store twice as slow."""
PORTION_RECORDS = 2000

Item = TypeVar("Item")


class WriteBatch(Protocol):
    """Changes that take effect together, in the order they were given."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None: ...

    def write(self) -> None: ...


class Database:
    """The example database of a folder that this process holds."""

    def __init__(self, path: Path) -> None:
        """Raises DataLoss when the database is damaged."""
        self._path = path
        self._changed = threading.Condition()
        self._inside = 0
        self._open = True
        try:
            self._db = plyvel.DB(
                str(path),
                create_if_missing=False,
                paranoid_checks=True,
                compression=None,
                write_buffer_size=_WRITE_BUFFER_BYTES,
                bloom_filter_bits=10,
            )
        except plyvel.Error as error:
            raise self._translated(error) from error

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty database. Only for a folder that is being provisioned: it empties a damaged one."""
        plyvel.DB(str(path), create_if_missing=True, error_if_exists=True).close()

    def __enter__(self) -> "Database":
        """Raises Unavailable once closed."""
        with self._changed:
            if not self._open:
                raise Unavailable("the example store is closed: repeat when the daemon is back", reason="STORE_CLOSED")
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._inside -= 1
            if not self._inside:
                self._changed.notify_all()
        if isinstance(error, plyvel.Error):
            raise self._translated(error) from error

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._db.get(key, verify_checksums=True)
        return value

    def items(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Records from `start` up to and without `stop`, as they are now. Use it up, or drop it, inside the gate."""
        if reverse:
            # plyvel 1.5 misses a record at `start` that is alone in its range when it goes backwards.
            start = _just_before(start)
        items: Iterator[tuple[bytes, bytes]] = self._db.iterator(
            start=start, stop=stop, reverse=reverse, verify_checksums=True
        )
        return items

    def keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        keys: Iterator[bytes] = self._db.iterator(start=start, stop=stop, include_value=False, verify_checksums=True)
        return keys

    def batch(self, *, sync: bool = False) -> WriteBatch:
        """With `sync`, what it writes survives a power cut and not just a killed process."""
        batch: WriteBatch = self._db.write_batch(sync=sync)
        return batch

    def delete_range(self, start: bytes, stop: bytes) -> int:
        """Delete record by record, in batches that each take effect whole; returns how many."""
        deleted = 0
        for batch, key in self.in_portions(self.keys(start, stop)):
            batch.delete(key)
            deleted += 1
        return deleted

    def in_portions(self, items: Iterable[Item]) -> Iterator[tuple[WriteBatch, Item]]:
        """Each item with a batch for what it changes; the batch is written after every two thousand, and at the end."""
        batch = self.batch()
        for number, item in enumerate(items, 1):
            yield batch, item
            if number % PORTION_RECORDS == 0:
                batch.write()
                batch = self.batch()
        batch.write()

    def close(self) -> None:
        """Refuse newcomers, wait for those inside, close. Repeatable."""
        with self._changed:
            self._open = False
            self._changed.wait_for(lambda: not self._inside)
            self._db.close()

    def _translated(self, error: Exception) -> DaemonError:
        if "No space left" in str(error) or "Disk quota" in str(error):
            return ResourceExhausted(
                "the disk has no room for examples: free some space and repeat", reason="DISK_FULL"
            )
        if "Too many open files" in str(error):
            return Unavailable("the daemon has too many files open: repeat a little later", reason="TOO_MANY_FILES")
        return DataLoss(
            f"the example database {self._path} is damaged ({error}): restore it from a backup, "
            "or remove the store's folder to start anew",
            reason="STORE_DAMAGED",
        )


def _just_before(key: bytes) -> bytes:
    """Between a key that is not all zeros and whatever precedes it among keys of its length."""
    return (int.from_bytes(key, "big") - 1).to_bytes(len(key), "big") + b"\xff"
