"""Where the daemon listens, and why it cannot be reached; the same for every transport."""

import os
import socket as sockets
from pathlib import Path

from client_lib.errors import Cancelled, DaemonNotRunning, InsituError, InvalidArgument, PermissionDenied
from client_lib.locations import SOCKET_PATH_LIMIT_BYTES


def check_path(socket: Path) -> None:
    """Raises InvalidArgument for a path that no socket can have."""
    size = len(os.fsencode(socket))
    if size > SOCKET_PATH_LIMIT_BYTES:
        raise InvalidArgument(
            f"the socket path {socket} has {size} bytes and {SOCKET_PATH_LIMIT_BYTES} is the most; "
            "set INSITU_HOME to a shorter path",
            field="socket",
        )


def refusal(socket: Path, error: OSError) -> InsituError | None:
    """What a failed `connect` means. None: somebody listens, and is busy."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return DaemonNotRunning(socket)
        case PermissionError():
            return PermissionDenied(f"this OS user may not use {socket}; run as the daemon's own user", reason="SOCKET")
        case _:
            return None


def why_unreachable(socket: Path) -> InsituError | None:
    """Tell a daemon that is not there from one that is busy; gRPC calls both UNAVAILABLE. None: somebody listens."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(0.0)  # a Unix socket answers at once
        try:
            probe.connect(str(socket))
        except OSError as error:
            return refusal(socket, error)
    return None


def shut() -> Cancelled:
    """What calls raise on a connection that the app closed."""
    return Cancelled("the connection to the daemon is closed; connect again")
