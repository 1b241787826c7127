"""The state folder as of one moment, while the daemon goes on.

For that moment erasures and writes wait: the records are pinned, the two small databases are copied into memory, and
every other file is opened, so that whatever is replaced or removed later is still read as it was. That takes
milliseconds. Keys are looked at after the records: the keyring has every key that a record needs, or had lost it by
then.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from platform_daemon.backup import contents
from platform_daemon.backup.contents import Formats, Manifest, Totals
from platform_daemon.errors import DataLoss
from platform_daemon.state.database import version_of
from platform_daemon.storage import Storage
from platform_daemon.store.folder import format_of
from platform_daemon.store.migrations import database_name
from platform_daemon.store.records import RecordSnapshot
from platform_daemon.wholeness import ARTIFACTS, STATE, STORE

_LEFT_OUT = (
    "scratch",
    "run",
    f"{STORE}/examples*",
    f"{STORE}/lock",
    f"{STORE}/unfinished",
    "artifacts/staging",
    "artifacts/quarantine",
    f"{STATE}*",
    f"{ARTIFACTS}*",
    "*.new",
)
"""What is made anew, copied otherwise, or worth nothing later."""


class Snapshot:
    """Pieces of a backup, once. Close it in the end."""

    def __init__(
        self, manifest: Manifest, databases: dict[str, bytes], files: dict[str, int], records: RecordSnapshot
    ) -> None:
        """Private: use `take`. `files`: open descriptors by path."""
        self.manifest = manifest
        self.done_bytes = 0
        """Of about `manifest.size_bytes`."""
        self._databases = databases
        self._files = files
        self._records = records

    @classmethod
    def take(cls, storage: Storage, *, release: str, made_ms: int) -> "Snapshot":
        """Blocks, for milliseconds. Raises DaemonError."""
        files: dict[str, int] = {}
        with contextlib.ExitStack() as failing:
            failing.callback(_close_all, files)
            with storage.store.frozen() as records, storage.catalog.read() as catalog, storage.database.read() as state:
                failing.callback(records.close)
                databases = {STATE: state.serialize(), ARTIFACTS: catalog.serialize()}
                packages = tuple(row[0] for row in state.execute("SELECT package FROM apps ORDER BY package"))
                _open_files(storage.folder, files)
            formats = Formats(
                format_of(storage.folder / STORE),
                version_of(storage.folder / STATE),
                version_of(storage.folder / ARTIFACTS),
            )
            size_bytes = sum(map(len, databases.values())) + _size(storage.folder, formats, files)
            failing.pop_all()
        manifest = Manifest(release, made_ms, formats, size_bytes, packages, os.getuid())
        return cls(manifest, databases, files, records)

    def pieces(self) -> Iterator[bytes]:
        """From the manifest to the totals; may be continued by another thread. Raises Unavailable when the store was
        closed or opened again meanwhile, DataLoss when something of it is damaged."""
        yield self.manifest.piece()
        totals = Totals()
        for name, data in self._databases.items():
            yield from self._file(totals, name, iter([data]))
        for name, descriptor in self._files.items():
            yield from self._file(totals, name, _read(descriptor, name))
        yield from contents.in_pieces(self._counted_records(totals))
        yield totals.piece()

    def close(self) -> None:
        """Repeatable."""
        _close_all(self._files)
        self._records.close()

    def _file(self, totals: Totals, name: str, parts: Iterator[bytes]) -> Iterator[bytes]:
        totals.files += 1
        yield contents.FILE + name.encode()
        for part in parts:
            for start in range(0, len(part), contents.ROOM_BYTES):
                piece = part[start : start + contents.ROOM_BYTES]
                totals.file_bytes += len(piece)
                self.done_bytes += len(piece)
                yield contents.DATA + piece

    def _counted_records(self, totals: Totals) -> Iterator[bytes]:
        for key, value in self._records:
            totals.records += 1
            self.done_bytes += len(key) + len(value)
            yield contents.record_bytes(key, value)


def _open_files(folder: Path, files: dict[str, int]) -> None:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not _left_out(_relative(folder, parent, one)))
        for name in sorted(names):
            path = _relative(folder, parent, name)
            if _left_out(path):
                continue
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG((folder / path).lstat().st_mode):
                    files[path] = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _relative(folder: Path, parent: str, name: str) -> str:
    return (Path(parent) / name).relative_to(folder).as_posix()


def _left_out(path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in _LEFT_OUT)


def _size(folder: Path, formats: Formats, files: dict[str, int]) -> int:
    database = folder / STORE / database_name(formats.store)
    stored = 0
    for path in database.glob("*.ldb"), database.glob("*.log"):
        for file in path:
            with contextlib.suppress(FileNotFoundError):
                stored += file.stat().st_size
    return stored + sum(os.fstat(descriptor).st_size for descriptor in files.values())


def _read(descriptor: int, name: str) -> Iterator[bytes]:
    """A file from its beginning to the end that it had when it was opened."""
    at, end = 0, os.fstat(descriptor).st_size
    while at < end:
        data = os.pread(descriptor, min(contents.ROOM_BYTES, end - at), at)
        if not data:
            raise DataLoss(f"{name} became shorter while it was backed up: begin anew", reason="FILE_CHANGED")
        at += len(data)
        yield data


def _close_all(files: dict[str, int]) -> None:
    while files:
        os.close(files.popitem()[1])
