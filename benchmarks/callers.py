"""Many callers at once, from one process that costs less than what it measures.

A caller has one call under way; when the answer has come, it calls again. Some share a connection, as the threads of a
program do. gRPC's own client takes about as much processor time for a call as a server does, so on a machine with two
cores it would be measured too.
"""

import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_RECEIVE_BYTES = 1 << 16
_SILENCE_S = 30.0


class CallFailed(Exception):
    """A server refused a call, or closed the connection."""


class Wire(Protocol):
    """The bytes of one protocol on one connection."""

    def opening(self) -> bytes:
        """What a connection begins with."""
        ...

    def call(self) -> bytes:
        """The next call."""
        ...

    def receive(self, data: bytes) -> tuple[int, bytes]:
        """How many calls are answered with a message by that, and what the protocol owes the server in return.

        Raises CallFailed for any other answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """What some callers did."""

    calls_per_s: float
    client_share: float
    """Processor time of this process by the time that went by: well below 1, or it is the client that was measured."""


class Callers(closing["Callers"]):
    """Connections to a Unix socket or an address `HOST:PORT`, each shared by a number of callers."""

    def __init__(self, server: Path | str, wires: Sequence[Wire], callers_each: int = 1) -> None:
        super().__init__(self)
        self._callers_each = callers_each
        self._connections = [(_connect(server), wire) for wire in wires]
        self._ready = selectors.EpollSelector()
        for connection, wire in self._connections:
            connection.sendall(wire.opening())
            self._ready.register(connection, selectors.EVENT_READ, (connection, wire))

    def run(self, calls: int) -> Load:
        """Make so many calls in all, at least one a caller. Raises CallFailed."""
        started_s, worked_s = time.perf_counter(), time.process_time()
        for connection, wire in self._connections:
            connection.sendall(b"".join(wire.call() for _ in range(self._callers_each)))
        left, answered = calls - len(self._connections) * self._callers_each, 0
        while answered < calls:
            ready = self._ready.select(_SILENCE_S)
            if not ready:
                raise CallFailed(f"no answer for {_SILENCE_S:.0f} s, with {calls - left - answered} calls under way")
            for key, _ in ready:
                connection, wire = key.data
                done, owed = wire.receive(connection.recv(_RECEIVE_BYTES))
                answered += done
                again = min(done, left)
                left -= again
                for _ in range(again):
                    owed += wire.call()
                if owed:
                    connection.sendall(owed)
        taken_s = time.perf_counter() - started_s
        return Load(calls / taken_s, (time.process_time() - worked_s) / taken_s)

    def close(self) -> None:
        self._ready.close()
        for connection, _ in self._connections:
            connection.close()


def _connect(server: Path | str) -> socket.socket:
    if isinstance(server, Path):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(server))
        return connection
    host, _, port = server.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
