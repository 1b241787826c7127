"""The kernel, as far as those see it who listen to its announcements."""

import errno
import queue
import socket
import threading
from typing import Final

from context import Observation, Publish
from context.sources.announced import AnnouncedSource
from context.sources.netlink import KERNEL_PORT

PATIENCE_S: Final = 20.0
"""Longer than anything takes that a test waits for."""
A_PROCESS: Final = 4711


def uevent(subsystem: str, action: str = "change") -> bytes:
    """As lib/kobject_uevent.c makes them."""
    fields = (f"{action}@/devices/x", f"ACTION={action}", "DEVPATH=/devices/x", f"SUBSYSTEM={subsystem}", "SEQNUM=77")
    return b"".join(field.encode() + b"\0" for field in fields)


class SimulatedKernel:
    """Announces to whoever has subscribed by `open`. What it sends is: a letter for the kind, the port, the message."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.subscribed: list[SimulatedSocket] = []

    def open(self) -> "SimulatedSocket":
        if self.refuses:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self.subscribed.append(SimulatedSocket())
        return self.subscribed[-1]

    def announce(self, message: bytes, port: int = KERNEL_PORT) -> None:
        self._send(b"m" + port.to_bytes(4, "big") + message)

    def lose_some(self) -> None:
        self._send(b"l")

    def fail(self) -> None:
        self._send(b"f")

    def wait_until_all_is_taken(self) -> None:
        """Until the present subscriber has taken what was sent, and found that nothing more waits."""
        assert self.subscribed[-1].drained.wait(PATIENCE_S)

    def _send(self, datagram: bytes) -> None:
        subscriber = self.subscribed[-1]
        subscriber.drained.clear()
        subscriber.kernel_end.send(datagram)


class SimulatedSocket:
    def __init__(self) -> None:
        self.kernel_end, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._end.setblocking(False)
        self.drained = threading.Event()
        self.closed = threading.Event()

    def fileno(self) -> int:
        return self._end.fileno()

    def receive(self) -> tuple[bytes, int]:
        try:
            datagram = self._end.recv(8192)
        except BlockingIOError:
            self.drained.set()
            raise
        if datagram == b"l":
            raise OSError(errno.ENOBUFS, "No buffer space available")
        if datagram == b"f":
            raise OSError(errno.EIO, "Input/output error")
        return datagram[5:], int.from_bytes(datagram[1:5], "big")

    def close(self) -> None:
        self._end.close()
        self.kernel_end.close()
        self.closed.set()


class Overheard(AnnouncedSource):
    """Mixed into a source that listens: counts its looks, and lets the test hear what it publishes."""

    looks = 0

    def start(self, publish: Publish) -> None:
        self._published: queue.SimpleQueue[Observation | None] = queue.SimpleQueue()

        def both(context_type: str, seen: Observation | None) -> None:
            publish(context_type, seen)
            self._published.put(seen)

        super().start(both)

    def hear(self, count: int = 1) -> list[Observation | None]:
        """The next ones, once each has been published."""
        return [self._published.get(timeout=PATIENCE_S) for _ in range(count)]

    def _look(self) -> Observation | None:
        self.looks += 1
        return super()._look()  # type: ignore[safe-super]
