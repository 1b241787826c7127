"""LevelDB behind a gate: closing waits for whoever is inside, and errors come out as the daemon's.

plyvel crashes the process when a handle closes under a running call, and its iterators and batches belong to one
thread. So every use is inside `with database:`, which counts; iterators and batches are made, used and dropped within
one such block; `close` shuts the gate, waits for the count to reach zero, then closes.

LevelDB survives a failed write badly: half of it may stay in the log, and what is appended behind that, once the disk
has room again, makes the next recovery fail. So writes go one at a time through a lock of ours, and after one that
failed the handle takes no other: it goes on serving reads until `reopen` replaces it. Opening a database recovers what
was acknowledged into new files, synced.

A synced write of LevelDB covers the log it goes to, not the one before that, and holds up all other writes. So `sync`
syncs the logs itself. (The rule to open no file in a live folder is about LOCK: closing any handle of it drops it.)

Compression is off, since sealed bytes do not compress. Checksums are verified at every read and `paranoid_checks` is
on, because without them LevelDB loses records of a damaged log, and serves damaged blocks, in silence.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

import plyvel

from platform_daemon.errors import DaemonError, DataLoss, Unavailable, give_up
from platform_daemon.logs import LogEvent, marked, outline
from platform_daemon.store.atomic_file import Disk, LocalDisk
from platform_daemon.store.disk_errors import number_in, refusal
from platform_daemon.store.records import RecordSnapshot

log = logging.getLogger(__name__)

_WRITE_BUFFER_BYTES = 8 << 20
"""Twice as much makes writing hardly faster, and a sweep of a large store twice as slow."""
PORTION_RECORDS = 2000
_DRAIN_S = 5.0
"""How long a reopening waits for those inside, and newcomers for it: so it need not wait for ever for a gap between
them, and nobody who enters once more from inside waits for himself."""

Item = TypeVar("Item")


class WriteBatch(Protocol):
    """Changes that take effect together, in the order they were given."""

    def put(self, key: bytes, value: bytes, /) -> None: ...

    def delete(self, key: bytes, /) -> None: ...

    def write(self) -> None: ...


class _Batch:
    """LevelDB's own, but for the way it is written."""

    __slots__ = ("_native", "_write", "delete", "put")

    def __init__(self, native: WriteBatch, write: Callable[[WriteBatch], None]) -> None:
        self._native = native
        self._write = write
        self.put: Callable[[bytes, bytes], None] = native.put
        self.delete: Callable[[bytes], None] = native.delete

    def write(self) -> None:
        self._write(self._native)


class _Entered(AbstractContextManager[None]):
    """The gate, for those who are inside already."""

    __slots__ = ("_leave",)

    def __init__(self, leave: Callable[..., None]) -> None:
        self._leave = leave

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        self._leave(*error)


class Database:
    """The example database of a folder that this process holds."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        """Raises DataLoss when the database is damaged."""
        self._path = path
        self._disk = disk or LocalDisk()
        # Named apart: to take the condition itself costs as much again, and every call passes the gate twice.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._inside = 0
        self._open = True
        self._draining = False
        self._writing = threading.Lock()
        self.failure: Exception | None = None
        """Why the handle takes no more writes; None while it does, and once all has been recovered into another."""
        self._takes_writes = True
        self._synced_logs: set[str] = set()
        """Whose names are on the medium."""
        self._db: Any = self._opened()
        """None where it could not be opened again; never so inside the gate."""
        self._entered = _Entered(self.__exit__)

    def _opened(self) -> Any:
        try:
            return plyvel.DB(
                str(self._path),
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
        """Waits while the database is being reopened. Raises Unavailable once closed, and what kept it from being
        opened again while it is not."""
        with self._lock:
            if self._draining:
                self._changed.wait_for(lambda: not self._draining, _DRAIN_S)
            if not self._open:
                raise Unavailable("the example store is closed: repeat when the daemon is back", reason="STORE_CLOSED")
            if self._db is None:
                raise self.refused()
            self._inside += 1
        return self

    def enter_at_once(self) -> AbstractContextManager[None] | None:
        """As entering, where that waits for nobody and the handle takes writes: what is returned has to be left then.
        None otherwise. Inside, the database is not reopened."""
        # A reopening holds the lock until it is done.
        if not self._lock.acquire(blocking=False):
            return None
        entered = self._open and not self._draining and self.failure is None
        if entered:
            self._inside += 1
        self._lock.release()
        return self._entered if entered else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
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

    def snapshot(self) -> RecordSnapshot:
        """All records as they are now, to be read outside the gate too."""
        return RecordSnapshot(self, self._db.snapshot())

    def batch(self, *, sync: bool = False) -> WriteBatch:
        """With `sync`, what it writes survives a power cut and not just a killed process."""
        return _Batch(self._db.write_batch(sync=sync), self._write)

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

    def sync(self) -> None:
        """What was written before survives a power cut when this returns. Holds up no write.

        Raises ResourceExhausted or Unavailable when the disk refuses. The handle then takes no more writes, since the
        system may forget what it could not write, and tells of it once: it has to be reopened. So what a failed handle
        still has is not taken for durable."""
        if self.failure is not None:
            raise self.refused() from self.failure
        try:
            logs = set(self._logs())
        except OSError as error:
            # Nothing is lost by that.
            raise refusal(error.errno, "examples") or self._translated(error) from error
        try:
            for log in logs:
                # A log that goes meanwhile has been copied into tables, which LevelDB syncs before it removes the log.
                with suppress(FileNotFoundError):
                    self._disk.sync_file(self._path / log)
            if logs - self._synced_logs:
                self._disk.sync_folder(self._path)
        except OSError as error:
            with self._writing:
                self._turn_bad(error)
            raise self.refused() from error
        self._synced_logs = logs

    def compact(self, start: bytes, stop: bytes) -> None:
        """Give the disk back what was deleted in this range. Takes as long as it takes; others read and write on."""
        self._db.compact_range(start=start, stop=stop)

    def log_bytes(self) -> int:
        """How much recovery would have to write. Raises OSError."""
        size_bytes = 0
        for log in self._logs():
            # LevelDB goes on removing what it has copied into tables.
            with suppress(FileNotFoundError):
                size_bytes += (self._path / log).stat().st_size
        return size_bytes

    def _logs(self) -> list[str]:
        with os.scandir(self._path) as entries:
            return [entry.name for entry in entries if entry.name.endswith(".log")]

    def reopen(self, recover: Callable[[], None]) -> None:
        """Wait for those inside, replace the handle, have `recover` load what is kept in memory; newcomers wait. Not
        to be called from inside the gate. Gives up, and leaves `failure` set, where somebody stays inside for too long.
        After an error there is no handle, until it is called again."""
        with self._changed:
            if not self._open:
                return
            self._draining = True
            drained = self._changed.wait_for(lambda: not self._inside, _DRAIN_S)
            # From here on nobody enters because the lock is held.
            self._draining = False
            self._changed.notify_all()
            if not drained or not self._open:
                return
            try:
                self._drop_handle()
                self._db = self._opened()
                self._synced_logs = set()
                self._takes_writes = True
                recover()
                self.failure = None
            except Exception as error:
                self._drop_handle()
                self.failure = error
                raise

    def close(self) -> None:
        """Refuse newcomers, wait for those inside, close. Repeatable."""
        with self._changed:
            self._open = False
            self._changed.wait_for(lambda: not self._inside)
            self._drop_handle()
            self._changed.notify_all()

    def _drop_handle(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _write(self, batch: WriteBatch) -> None:
        with self._writing:
            if not self._takes_writes:
                raise self.refused() from self.failure
            try:
                batch.write()
            except plyvel.Error as error:
                self._turn_bad(error)
                raise

    def _turn_bad(self, error: Exception) -> None:
        """With the lock of writing held."""
        if self._takes_writes:
            extra = marked(LogEvent.STORE_UNUSABLE, error=outline(error))
            log.error("the example database takes no more writes: %s", error, extra=extra)
        self.failure = error
        self._takes_writes = False

    def refused(self) -> DaemonError:
        """What a write is answered after one that failed. A new error each time: several threads may raise it."""
        failure = self.failure
        if isinstance(failure, DaemonError):
            return type(failure)(str(failure), reason=failure.reason)
        answer = refusal(failure.errno, "examples") if isinstance(failure, OSError) else None
        return answer or self._translated(failure or OSError("it is not open"))

    def _translated(self, error: Exception) -> DaemonError:
        answer = refusal(number_in(str(error)), "examples")
        if answer is not None:
            return answer
        return DataLoss(
            f"the example database {self._path} is damaged ({error}): {give_up(self._path.parent.parent)}",
            reason="STORE_DAMAGED",
        )


def _just_before(key: bytes) -> bytes:
    """Between a key that is not all zeros and whatever precedes it among keys of its length."""
    return (int.from_bytes(key, "big") - 1).to_bytes(len(key), "big") + b"\xff"
