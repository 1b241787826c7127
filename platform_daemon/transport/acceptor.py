"""Owns the public socket: who connects, how many, and which protocol they speak.

gRPC on a Unix socket does not tell who calls, so its server never listens here. The acceptor reads the kernel's word on
the peer, waits for the first bytes, and hands the connection to the protocol that they begin.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from platform_daemon.errors import ResourceExhausted
from platform_daemon.logs import LogEvent, marked, outline
from platform_daemon.transport.admission import Admission, ConnectionLimits
from platform_daemon.transport.calls import Peer
from platform_daemon.transport.peers import PeerTable

_logger = logging.getLogger(__name__)
_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED
_BACKLOG = 256


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A connection whose protocol is known. Its transport is paused: resume it once it has its new protocol."""

    transport: asyncio.Transport
    peer: Peer
    first: bytes
    """What was read to recognise the protocol, and is to be served before what follows."""
    refusal: ResourceExhausted | None
    """What to answer every call with, where there is no place. The acceptor soon closes such a connection."""
    ended: Callable[[], None]
    """To be called when the connection is lost, whatever the reason. Repeatable."""


class WireProtocol(Protocol):
    """A protocol that the public socket serves."""

    @property
    def magic(self) -> bytes:
        """How every connection of the protocol begins. None is the beginning of another's."""
        ...

    async def serve(self, arrival: Arrival) -> None:
        """Take the connection over. Returns when it is under way, not when it ends."""
        ...


class Acceptor:
    """Accepts on a socket until closed."""

    def __init__(
        self, protocols: Sequence[WireProtocol], peers: PeerTable, limits: ConnectionLimits | None = None
    ) -> None:
        self._protocols = tuple(protocols)
        self._peers = peers
        self._limits = limits or ConnectionLimits()
        self._admission: Admission[_Connection] = Admission(self._limits)
        self._open: set[_Connection] = set()
        self._strangers: dict[str, _Connection] = {}
        """Those that speak and have not presented a session, by the name that was minted for them."""
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.turned_away = 0
        """Connections that were refused for want of a place, or had to yield theirs."""

    @property
    def connections(self) -> int:
        """How many are open, the silent ones included."""
        return len(self._admission)

    async def start(self, listener: socket.socket) -> None:
        """Serve a bound socket, which the acceptor closes in the end."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), sock=listener, backlog=_BACKLOG)

    def present_session(self, peer: Peer, app: Hashable) -> None:
        """A call on a connection has an open session of `app`. To be called for each call; the first one counts.

        Raises ResourceExhausted if the app has too many connections.
        """
        connection = self._strangers.get(peer.connection)
        if connection is not None:
            self._admission.name(connection, app)
            del self._strangers[peer.connection]

    def stop_accepting(self) -> None:
        """New connections are refused, open ones go on. Repeatable."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Drop everything. Repeatable."""
        self.stop_accepting()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        for connection in tuple(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)  # abort() announces the loss on the loop's next turn

    def _arrived(self, connection: "_Connection") -> None:
        yielding = self._admission.enter(connection, connection.peer.uid, connection.peer.pid)
        self._open.add(connection)
        self._make_yield(yielding)

    def _left(self, connection: "_Connection") -> None:
        connection.stop_timer()
        self._admission.leave(connection)
        self._open.discard(connection)
        self._strangers.pop(connection.peer.connection, None)

    def _recognised(self, connection: "_Connection", protocol: WireProtocol, first: bytes) -> None:
        refusal: ResourceExhausted | None = None
        try:
            yielding = self._admission.speak(connection)
            connection.stop_timer()
            self._strangers[connection.peer.connection] = connection
            self._make_yield(yielding)
        except ResourceExhausted as error:
            refusal = error
            self.turned_away += 1
        connection.transport.pause_reading()
        arrival = Arrival(connection.transport, connection.peer, first, refusal, lambda: self._left(connection))
        task = asyncio.get_running_loop().create_task(self._serve(protocol, arrival))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _make_yield(self, connection: "_Connection | None") -> None:
        if connection is not None:
            self.turned_away += 1
            connection.transport.abort()

    async def _serve(self, protocol: WireProtocol, arrival: Arrival) -> None:
        try:
            await protocol.serve(arrival)
        except OSError as error:
            fields = marked(LogEvent.CONNECTION_DROPPED, uid=arrival.peer.uid, error=outline(error))
            _logger.warning("a connection of user %d is dropped: %s", arrival.peer.uid, error, extra=fields)
            arrival.transport.abort()


class _Connection(asyncio.Protocol):
    """A connection until its protocol is known."""

    transport: asyncio.Transport
    peer: Peer

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._first = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        pid, uid, _gid = _UCRED.unpack(
            transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
        self.peer = self._acceptor._peers.mint(uid, pid)
        self._timer = asyncio.get_running_loop().call_later(self._acceptor._limits.silence_s, transport.abort)
        self._acceptor._arrived(self)

    def data_received(self, data: bytes) -> None:
        self._first += data
        protocol, undecided = recognise(self._first, self._acceptor._protocols)
        if undecided:
            return
        if protocol is None:
            self.transport.abort()
        else:
            self._acceptor._recognised(self, protocol, self._first)

    def connection_lost(self, exc: Exception | None) -> None:
        self._acceptor._left(self)

    def stop_timer(self) -> None:
        """Repeatable."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def recognise(first: bytes, protocols: Sequence[WireProtocol]) -> tuple[WireProtocol | None, bool]:
    """The protocol that `first` begins, and whether more bytes are needed to tell."""
    for protocol in protocols:
        if first.startswith(protocol.magic):
            return protocol, False
    return None, any(protocol.magic.startswith(first) for protocol in protocols)
