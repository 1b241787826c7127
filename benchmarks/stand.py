"""A device with one app on it: a daemon in a temporary home, and the app's connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.sockets import await_listener
from client_lib import ContextType, Learning
from client_lib.learning import TransportName
from insitu_cli.demo.device import Device

PACKAGE = "com.example.bench"
CONTEXT = (ContextType.POWER, ContextType.DAY)
"""What is injected: a reading of the device, and one of the clock."""


@dataclass(frozen=True, slots=True)
class Stand:
    device: Device
    pid: int
    """The daemon's primary process."""
    learning: Learning

    def session(self) -> str:
        """For calls without the client library."""
        return self.device.control.issue_token(PACKAGE).session


@contextmanager
def stand(granted: Sequence[str] = CONTEXT, transport: TransportName = "auto") -> Iterator[Stand]:
    """`transport` is that of the app's connection."""
    with Device() as device:
        await_listener(device.locations.control_socket)
        pid = device.await_ready()
        device.install(PACKAGE, tuple(map(str, granted)), tuple(map(str, granted)))
        device.become(idle=False, charging=False)
        credentials = device.credentials(PACKAGE)
        with Learning.connect(
            package=PACKAGE, credentials=credentials, socket=device.locations.socket, transport=transport
        ) as learning:
            yield Stand(device, pid, learning)
