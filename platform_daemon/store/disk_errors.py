"""What the disk refuses, as the daemon's answers. The remedy differs: room, a remount, a new disk, or patience."""

import errno
import os

from platform_daemon.errors import DaemonError, ResourceExhausted, Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_KNOWN = {number: os.strerror(number) for number in (*_FULL, *_TOO_MANY_FILES, errno.EROFS, errno.EIO)}


def refusal(number: int | None, what: str) -> DaemonError | None:
    """The answer for an `errno` met with `what`; None for one that does not come from the disk."""
    if number in _FULL:
        return ResourceExhausted(f"the disk has no room for {what}: free some space and repeat", reason="DISK_FULL")
    if number in _TOO_MANY_FILES:
        return Unavailable("the daemon has too many files open: repeat a little later", reason="TOO_MANY_FILES")
    if number == errno.EROFS:
        return Unavailable(
            f"the disk of {what} is read-only: check it, make it writable and repeat", reason="DISK_READ_ONLY"
        )
    if number == errno.EIO:
        return Unavailable(f"the disk of {what} fails: check it, or move the state folder", reason="DISK_FAILED")
    return None


def number_in(message: str) -> int | None:
    """The `errno` whose text ends up in LevelDB's messages."""
    return next((number for number, text in _KNOWN.items() if text in message), None)
