"""Replace a small file so that a reader finds the old bytes or the new ones, whatever is cut off in between.

The order is: write a temporary file beside it, fsync that, rename it over the old one, fsync the folder. What the disk
does is behind `Disk`, so that a test can stop the sequence after any step.
"""

import errno
import os
from pathlib import Path
from typing import Protocol

from platform_daemon.errors import ResourceExhausted

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Disk(Protocol):
    """The steps that can each be the last before the power goes."""

    def write(self, path: Path, data: bytes) -> None:
        """Make a file, readable by its owner alone, and wait until its bytes are on the medium."""
        ...

    def rename(self, source: Path, target: Path) -> None: ...

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the medium."""
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


def replace(path: Path, data: bytes, disk: Disk) -> None:
    """Put `data` at `path`, durable on return.

    Raises ResourceExhausted when the disk is full; the old file is then as it was."""
    temporary = temporary_of(path)
    discard_temporary(path)
    try:
        disk.write(temporary, data)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _FULL:
            raise ResourceExhausted(
                f"the disk has no room for {path.name}: free some space and repeat", reason="DISK_FULL"
            ) from error
        raise


def temporary_of(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def discard_temporary(path: Path) -> None:
    """Remove what an interrupted `replace` left. It can hold a secret that has since been destroyed, so whoever opens
    `path` calls this first."""
    temporary_of(path).unlink(missing_ok=True)
