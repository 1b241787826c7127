"""A folder that is complete takes the place of another, or of none, in one step.

The new folder is made beside the old one, under a name that says so, and held by flock while it is made. What lies
there without being held was left by a process that died: an unfinished restore, or the state that one replaced. Either
is to be erased, keys first.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_daemon.errors import FailedPrecondition, Unavailable
from platform_daemon.store.atomic_file import LocalDisk

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_KEY_FILES = ("keyring", "master.key", "*.key")


@contextmanager
def making(state: Path) -> Iterator[Path]:
    """A new folder beside `state`, for this process alone; erased in the end, whatever it holds then.

    Raises Unavailable while another process makes one."""
    beside = _beside(state)
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    erase_left_over(state)
    try:
        beside.mkdir(mode=0o700)
    except FileExistsError:
        raise Unavailable(f"another process restores {state} now: wait for its end") from None
    descriptor = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield beside
    finally:
        erase(beside)
        os.close(descriptor)


def take_the_place(made: Path, state: Path, *, empty: bool) -> None:
    """Put a folder where `state` is, and that one where the folder was, in one step; durable on return.

    Where the file system has no such step, a state folder that is `empty` makes way; for another FailedPrecondition is
    raised."""
    try:
        _exchange(made, state)
    except FailedPrecondition:
        if not empty:
            raise
        shutil.rmtree(state)
        made.rename(state)
    LocalDisk().sync_folder(state.parent)


def erase_left_over(state: Path) -> None:
    """Erase what a process that died has left beside `state`; what is being made there stays."""
    beside = _beside(state)
    try:
        descriptor = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        erase(beside)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def erase(folder: Path) -> None:
    """Remove a state folder, its keys first. Repeatable."""
    for pattern in _KEY_FILES:
        for path in folder.rglob(pattern):
            path.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                LocalDisk().sync_folder(path.parent)
    shutil.rmtree(folder, ignore_errors=True)


def _beside(state: Path) -> Path:
    resolved = state.resolve()
    return resolved.with_name(f"{resolved.name}.restoring")


def _exchange(first: Path, second: Path) -> None:
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        number = errno.ENOSYS
    elif renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return
    else:
        number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.EBUSY}:
        raise FailedPrecondition(
            f"this file system cannot exchange two folders in one step: move {second} away and repeat"
        )
    raise OSError(number, os.strerror(number), str(second))
