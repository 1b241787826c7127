"""The kernel's announcements, by netlink sockets (netlink(7), rtnetlink(7)).

An announcement only means "look again": nothing else in it is believed, so that one that is lost, late or forged does
no more harm than one look too few or too many.
"""

import errno
import socket
from collections.abc import Callable
from typing import Final, Protocol

KERNEL_PORT: Final = 0
"""The netlink port that the kernel sends from; every other belongs to a process."""
_BUFFER_BYTES: Final = 8192
"""Room for any uevent. What is longer is cut, and its length does not matter."""

# From linux/netlink.h and linux/rtnetlink.h: Python's socket module lacks them.
_NETLINK_KOBJECT_UEVENT: Final = 15
_KERNEL_UEVENTS: Final = 1
_RTMGRP_LINK: Final = 0x1
_RTMGRP_IPV4_IFADDR: Final = 0x10
_RTMGRP_IPV6_IFADDR: Final = 0x100


class KernelSocket(Protocol):
    """Where announcements arrive. Never blocks."""

    def fileno(self) -> int: ...

    def receive(self) -> tuple[bytes, int]:
        """An announcement and its sender's port.

        Raises BlockingIOError where none waits, OSError with ENOBUFS where some were lost, any other OSError where no
        more will come.
        """
        ...

    def close(self) -> None: ...


OpenSocket = Callable[[], KernelSocket]
"""Subscribes to announcements. Raises OSError where the system, its kernel or a sandbox refuses."""


def open_link_changes() -> KernelSocket:
    """Changes of network links and of their addresses, in this process's network namespace."""
    groups = _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR
    return _NetlinkSocket(getattr(socket, "NETLINK_ROUTE", 0), groups)


def open_uevents() -> KernelSocket:
    """The kernel's uevents, of all subsystems; what udev sends on is another group."""
    return _NetlinkSocket(_NETLINK_KOBJECT_UEVENT, _KERNEL_UEVENTS)


def is_uevent_of(subsystem: str, announcement: bytes) -> bool:
    """A uevent is a header and fields NAME=VALUE, each ended by a NUL."""
    return b"SUBSYSTEM=" + subsystem.encode() in announcement.split(b"\0")[1:]


class _NetlinkSocket:
    def __init__(self, protocol: int, groups: int) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError(errno.EAFNOSUPPORT, "this system has no netlink")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        try:
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> tuple[bytes, int]:
        announcement, (port, _) = self._socket.recvfrom(_BUFFER_BYTES)
        return announcement, port

    def close(self) -> None:
        self._socket.close()
