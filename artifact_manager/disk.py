"""The steps on the file system, each of which may be the last before the power goes."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from artifact_manager.errors import LimitExceeded

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Disk(Protocol):
    """Files are readable by their owner alone."""

    def write(self, path: Path, data: bytes, offset: int = 0) -> None:
        """Write at `offset`, making the file where it is missing. Not durable yet."""
        ...

    def sync(self, path: Path) -> None:
        """Wait until a file's bytes, or a folder's names, are on the medium."""
        ...

    def rename(self, source: Path, target: Path) -> None: ...

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        ...

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, durably."""
        ...


class LocalDisk:
    """The machine's."""

    def write(self, path: Path, data: bytes, offset: int = 0) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", closefd=True) as file:
            file.seek(offset)
            file.write(data)
            file.truncate()

    def sync(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def make_folder(self, path: Path) -> None:
        if path.is_dir():
            return
        self.make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        self.sync(path.parent)


@contextlib.contextmanager
def room_needed(what: str) -> Iterator[None]:
    """Turns a full disk into LimitExceeded."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise LimitExceeded(f"the disk has no room for {what}: free some space and repeat") from error


def read_file(path: Path) -> bytes:
    """All of a file that is no link. Raises FileNotFoundError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()
