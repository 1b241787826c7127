"""Pieces become a folder. Everything is on the medium before the last piece has been taken."""

import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from platform_daemon.backup import contents
from platform_daemon.backup.contents import Manifest, RecordReader, Totals, out_of_order
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.database import Database
from platform_daemon.store.migrations import database_name, fill
from platform_daemon.wholeness import STORE


class Unpacker:
    """Makes the state folder `folder`, which must be empty. Close it in the end, complete or not."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.totals = Totals()
        self._folder = folder
        self._file: BinaryIO | None = None
        path = folder / STORE / database_name(manifest.formats.store)
        path.parent.mkdir(mode=0o700)
        path.mkdir(mode=0o700)
        Database.create(path)
        self._database = Database(path)
        self._records = RecordReader()

    def take(self, piece: bytes) -> bool:
        """Take the next piece; True once the folder is complete. Raises DataLoss for pieces that make no sense."""
        match piece[:1]:
            case contents.FILE:
                self._begin_file(piece[1:].decode())
            case contents.DATA if self._file is not None:
                self._file.write(memoryview(piece)[1:])
                self.totals.file_bytes += len(piece) - 1
            case contents.RECORDS:
                with self._database:
                    self.totals.records += fill(self._database, self._records.feed(piece))
            case contents.END:
                self._finish(Totals.read(piece))
                return True
            case _:
                raise out_of_order()
        return False

    def close(self) -> None:
        """Repeatable."""
        if self._file is not None:
            self._file.close()
        self._database.close()

    def _begin_file(self, name: str) -> None:
        self._end_file()
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
            raise out_of_order()
        target = self._folder / path
        for parent in reversed(path.parents):
            (self._folder / parent).mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = open(os.open(target, flags, 0o600), "wb")  # noqa: SIM115 - ends with the next piece
        except FileExistsError:
            raise out_of_order() from None
        self.totals.files += 1

    def _end_file(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _finish(self, totals: Totals) -> None:
        self._end_file()
        if totals != self.totals or not self._records.finished:
            raise out_of_order()
        with self._database:
            self._database.sync()
        self._database.close()
        disk = LocalDisk()
        for folder, _, _ in os.walk(self._folder):
            disk.sync_folder(Path(folder))
