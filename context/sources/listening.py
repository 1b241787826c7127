"""A thread that looks again whenever the kernel announces a change."""

import contextlib
import errno
import logging
import os
import selectors
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from context.sources.netlink import KERNEL_PORT, OpenSocket

_log = logging.getLogger(__name__)
_DEGRADED = {"event": "context_source_degraded"}

Seen = TypeVar("Seen")

SETTLE_S: Final = 0.1
"""Each announcement is answered at once, and once more after this: sysfs may lag behind (the removal of a link is
announced first). So a storm of announcements costs at most two looks in this time."""
STOP_S: Final = 1.0
"""How long `stop` waits for a look that is under way."""
_MOST_AT_ONCE: Final = 256
"""Announcements taken before a look, so that no storm puts it off."""


class KernelListener(Generic[Seen]):
    """Looks, and tells what it saw: once at the start, then after each announcement that concerns it.

    Lost announcements count as one that does. A socket that fails ends it, and `failure` says why.
    """

    def __init__(self, subject: str, open_socket: OpenSocket, concerns: Callable[[bytes], bool]) -> None:
        """`subject` names it in the log."""
        self._subject = subject
        self._open = open_socket
        self._concerns = concerns
        self._ear: _Ear[Seen] | None = None
        self._failure = ""

    def start(self, look: Callable[[], Seen], tell: Callable[[Seen], None]) -> None:
        """`look` may block; both are called on the listener's thread. A refused socket is a `failure`, no error."""
        self.stop()
        try:
            self._ear = _Ear(self._subject, self._open, self._concerns, look, tell)
        except OSError as error:
            self.stop(f"polls, for the kernel's announcements cannot be heard: {error}")
        else:
            self._ear.start()

    def stop(self, failure: str = "") -> None:
        """End, for the reason given if there is one. Nothing is told afterwards, though a look that blocks may go on
        for longer than this waits. Repeatable.
        """
        ear, self._ear, self._failure = self._ear, None, failure
        if failure:
            _log.warning("%s: %s", self._subject, failure, extra=_DEGRADED)
        if ear is not None:
            ear.end()

    @property
    def listening(self) -> bool:
        ear = self._ear
        return ear is not None and not ear.failure and ear.is_alive()

    @property
    def failure(self) -> str:
        """Why it does not listen although it was started; empty where it does."""
        ear = self._ear
        return self._failure if ear is None else ear.failure


class _Ear(threading.Thread, Generic[Seen]):
    """One run. A daemon thread: a driver that never answers must not keep the process."""

    def __init__(
        self,
        subject: str,
        open_socket: OpenSocket,
        concerns: Callable[[bytes], bool],
        look: Callable[[], Seen],
        tell: Callable[[Seen], None],
    ) -> None:
        super().__init__(name=f"{subject}-listener", daemon=True)
        self.failure = ""
        self._subject = subject
        self._socket = open_socket()
        self._concerns = concerns
        self._look = look
        self._tell = tell
        # Held while telling, and while the pipe is used or closed.
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._closed = False
        try:
            self._wake_read, self._wake_write = os.pipe()
        except OSError:
            self._socket.close()
            raise

    def run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._socket, selectors.EVENT_READ)
                selector.register(self._wake_read, selectors.EVENT_READ)
                self._look_and_tell()
                while self._wait(selector):
                    self._look_and_tell()
                    self._ended.wait(SETTLE_S)
                    self._look_and_tell()
        except Exception as error:  # noqa: BLE001 - whatever it is, the source must be polled from now on
            self.failure = f"polls, for the kernel's announcements are heard no more: {error!r}"
            _log.warning("%s: %s", self._subject, self.failure, extra=_DEGRADED)
        finally:
            self._close()

    def end(self) -> None:
        with self._lock:
            self._ended.set()
            if not self._closed:
                os.write(self._wake_write, b"\0")
        if self is not threading.current_thread():
            self.join(STOP_S)

    def _wait(self, selector: selectors.BaseSelector) -> bool:
        """Until an announcement concerns this listener; False where it is to end."""
        while not self._ended.is_set():
            selector.select()
            if self._heard():
                return True
        return False

    def _heard(self) -> bool:
        """Take what waits, and whether any of it concerns this listener."""
        heard = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_AT_ONCE):
                try:
                    announcement, port = self._socket.receive()
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    heard = True
                else:
                    heard = heard or (port == KERNEL_PORT and self._concerns(announcement))
        return heard

    def _look_and_tell(self) -> None:
        if self._ended.is_set():
            return
        seen = self._look()
        with self._lock:
            if not self._ended.is_set():
                self._tell(seen)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            os.close(self._wake_read)
            os.close(self._wake_write)
        self._socket.close()
