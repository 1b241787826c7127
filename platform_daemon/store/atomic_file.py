"""Replace a small file so that a reader finds the old bytes or the new ones, whatever is cut off in between.

The order is: write a temporary file beside it, fsync that, rename it over the old one, fsync the folder. What the disk
does is behind `Disk`, so that a test can stop the sequence after any step.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import Protocol

from platform_daemon.store.disk_errors import refusal

_NO_UNNAMED_FILES = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})


class Disk(Protocol):
    """The steps that can each be the last before the power goes."""

    def write(self, path: Path, data: bytes) -> None:
        """Make a file, readable by its owner alone, and wait until its bytes are on the medium."""
        ...

    def rename(self, source: Path, target: Path) -> None: ...

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the medium."""
        ...

    def sync_file(self, path: Path) -> None:
        """Wait until a file's bytes are on the medium, whoever wrote them."""
        ...

    def reserve(self, folder: Path, size_bytes: int) -> None:
        """Raise OSError unless a file of that size could be written in `folder` now. Leaves nothing there."""
        ...

    def room(self, folder: Path) -> tuple[int, int]:
        """Bytes that are left to this process on the file system of `folder`, and bytes in all."""
        ...


class LocalDisk:
    """The machine's."""

    def write(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_file(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def reserve(self, folder: Path, size_bytes: int) -> None:
        """Takes blocks for a file without a name, and gives them back. Where the file system has no such files, it
        cannot be known without trying."""
        try:
            descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in _NO_UNNAMED_FILES:
                return
            raise
        try:
            os.posix_fallocate(descriptor, 0, size_bytes)
        finally:
            os.close(descriptor)

    def room(self, folder: Path) -> tuple[int, int]:
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def replace(path: Path, data: bytes, disk: Disk) -> None:
    """Put `data` at `path`, durable on return.

    Raises ResourceExhausted when the disk is full, Unavailable when it fails; the old file is then as it was."""
    temporary = temporary_of(path)
    discard_temporary(path)
    try:
        disk.write(temporary, data)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        answer = refusal(error.errno, path.name)
        if answer is not None:
            raise answer from error
        raise


def temporary_of(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def discard_temporary(path: Path) -> None:
    """Remove what an interrupted `replace` left. It can hold a secret that has since been destroyed, so whoever opens
    `path` calls this first."""
    temporary_of(path).unlink(missing_ok=True)


def _remove(temporary: Path) -> None:
    """A disk that refuses to write may refuse this as well; whoever opens `path` next tries again."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
