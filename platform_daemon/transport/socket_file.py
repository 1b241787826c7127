"""The socket's place in the file system: who owns it, and what may be cleared away.

Binding a path that a live server uses would steal its clients, and the robbed server would on its exit delete the
thief's socket. So a lock beside the socket decides, and only its holder touches the socket.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Self

_PATH_LIMIT_BYTES = 107  # sun_path in unix(7), without the closing NUL
_PRIVATE_SUFFIX = ".d/g"
PATH_LIMIT_BYTES = _PATH_LIMIT_BYTES - len(_PRIVATE_SUFFIX)
"""What is left for the public path, for the private endpoint stands in a folder beside it."""


class ListenError(Exception):
    """The socket cannot be opened. The message says what stands in the way."""


class PathTooLong(ListenError):
    """The operating system takes no socket path of this length."""


class SocketInUse(ListenError):
    """Another process serves this path."""


class SocketFile:
    """Holds a socket path for one server, with a private folder beside it.

    `claim` takes the lock and clears what a dead server left. `release` removes the socket, if it is still this one's,
    and the folder, then gives the lock back. The lock's file stays: were it removed, two servers could lock two files.
    """

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd: int | None = lock_fd
        self._bound: os.stat_result | None = None

    @property
    def private_endpoint(self) -> Path:
        """Where the gRPC server binds: in a folder that only this user may enter."""
        return Path(f"{self.path}{_PRIVATE_SUFFIX}")

    @classmethod
    def claim(cls, path: Path) -> Self:
        """Lock `path`. Raises ListenError (PathTooLong, SocketInUse); no other server is disturbed."""
        length = len(os.fsencode(path))
        if length > PATH_LIMIT_BYTES:
            raise PathTooLong(
                f"{path}: the socket's path has {length} bytes, at most {PATH_LIMIT_BYTES} fit: choose a shorter one"
            )
        lock_fd = _lock(Path(f"{path}.lock"))
        try:
            _clear_stale(path)
            owned = cls(path, lock_fd)
            _make_private(owned.private_endpoint)
        except OSError as error:
            os.close(lock_fd)
            raise ListenError(
                f"{error.filename}: what a dead server left cannot be cleared: {error.strerror}"
            ) from error
        except ListenError:
            os.close(lock_fd)
            raise
        return owned

    def bind(self, mode: int) -> socket.socket:
        """A bound socket, which has `mode` before it listens, and so before any client can connect."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(str(self.path))
            self.path.chmod(mode)
        except OSError as error:
            listener.close()
            raise ListenError(f"{self.path}: the socket cannot be opened: {error.strerror}") from error
        self._bound = self.path.lstat()
        return listener

    def release(self) -> None:
        """Repeatable."""
        if self._lock_fd is None:
            return
        if self._bound is not None and _same_file(self.path, self._bound):
            self.path.unlink(missing_ok=True)
        _remove_private(self.private_endpoint)
        os.close(self._lock_fd)
        self._lock_fd = None


def _lock(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ListenError(f"{path}: the lock beside the socket cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise SocketInUse(f"{path.with_suffix('')}: another daemon serves this socket: stop it first") from error
    return fd


def _clear_stale(path: Path) -> None:
    """Remove a dead server's socket. Whoever answers is alive, even without our lock."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(f"{path}: there is a file that is no socket: move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(str(path))
    if code in (0, errno.EAGAIN):  # EAGAIN: alive, with a full backlog
        raise SocketInUse(f"{path}: another program serves this socket: stop it first")
    path.unlink(missing_ok=True)


def _make_private(endpoint: Path) -> None:
    _remove_private(endpoint)
    endpoint.parent.mkdir(mode=0o700)


def _remove_private(endpoint: Path) -> None:
    endpoint.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        endpoint.parent.rmdir()


def _same_file(path: Path, known: os.stat_result) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (known.st_dev, known.st_ino)
