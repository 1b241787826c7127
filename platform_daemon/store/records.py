"""The records of one moment, read in portions while others go on writing: what a backup is made from."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from platform_daemon.errors import DaemonError, Unavailable

if TYPE_CHECKING:
    from platform_daemon.store.database import Database

PORTION_BYTES = 1 << 20


class RecordSnapshot:
    """Sealed records as they lie in the database. It ends when the database is closed, or reopened after a failure."""

    def __init__(self, database: "Database", native: Any) -> None:
        """Private: `Database.snapshot` makes one."""
        self._database = database
        self._native = native

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """In the order of keys; holds nothing between portions, and may pass from thread to thread.

        Raises Unavailable when the snapshot has ended, DataLoss when the database is damaged."""
        start = b""
        while portion := self._portion(start):
            yield from portion
            start = portion[-1][0] + b"\0"

    def close(self) -> None:
        """Let the database forget what only this remembers. Repeatable."""
        # Where there is no handle it has ended already.
        with suppress(DaemonError), self._database:
            self._native.close()

    def _portion(self, start: bytes) -> list[tuple[bytes, bytes]]:
        portion, size_bytes = [], 0
        with self._database:
            try:
                items = self._native.iterator(start=start, verify_checksums=True, fill_cache=False)
            except RuntimeError as error:
                raise Unavailable(
                    "the example store was opened again meanwhile: begin anew", reason="SNAPSHOT_ENDED"
                ) from error
            for key, value in items:
                portion.append((key, value))
                size_bytes += len(key) + len(value)
                if size_bytes >= PORTION_BYTES:
                    break
        return portion
