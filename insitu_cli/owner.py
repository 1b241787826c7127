"""The connection of the device's owner to the daemon."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client_lib.control import ControlClient


def connect() -> "ControlClient":
    """A context manager. Raises DaemonNotRunning at the first call."""
    from client_lib.control import ControlClient

    return ControlClient.connect()
