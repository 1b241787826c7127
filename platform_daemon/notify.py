"""Tells the service manager how the daemon is: sd_notify(3), over the socket that the manager names.

Without a manager that wants to know, everything here does nothing.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

_logger = logging.getLogger(__name__)
_WATCHED_PARTS = 3
"""So many signs of life in each interval of the watchdog: one may be late."""


class ServiceManager:
    def __init__(self, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> None:
        """`environ` has NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as the manager sets them."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog_s = _watchdog_s(environ, os.getpid() if pid is None else pid)
        self._timer: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """The daemon serves; from here on it shows signs of life from the running event loop, as long as that turns."""
        self._tell(f"READY=1\nSTATUS={status}")
        if self._address and self._watchdog_s:
            self._live()

    def stopping(self) -> None:
        """Repeatable."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell("STOPPING=1\nSTATUS=ending what is under way")

    def _live(self) -> None:
        self._tell("WATCHDOG=1")
        interval_s = self._watchdog_s / _WATCHED_PARTS
        self._timer = asyncio.get_running_loop().call_later(interval_s, self._live)

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # "@" stands for the NUL of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(state.encode(), address)
        except OSError as error:
            # The manager ends a daemon that it does not hear; this says why.
            _logger.warning("the service manager at NOTIFY_SOCKET cannot be told: %s", error, exc_info=error)


def _watchdog_s(environ: Mapping[str, str], pid: int) -> float:
    """0 where nobody watches, or somebody else is watched."""
    interval, watched = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not interval.isdecimal() or watched not in ("", str(pid)):
        return 0.0
    return int(interval) / 1e6
