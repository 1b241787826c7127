"""When a server on a Unix socket takes connections."""

import socket
import time
from pathlib import Path

START_TIMEOUT_S = 60.0
_POLL_S = 0.001


class NotServing(Exception):
    """Nobody listened in time."""


def await_listener(path: Path) -> None:
    """Wait until a connection succeeds. A gRPC channel would notice only after its next backoff. Raises NotServing."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(_POLL_S)
    raise NotServing(f"nobody listens at {path} after {START_TIMEOUT_S:.0f} s")
