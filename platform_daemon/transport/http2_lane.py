"""gRPC's way in: HTTP/2 connections are pumped to the private gRPC server under a name that says who calls."""

import asyncio
import socket
from pathlib import Path

from platform_daemon.transport.acceptor import Arrival
from platform_daemon.transport.peers import PeerTable
from platform_daemon.transport.pump import PumpEnd

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
_CONNECT_TIMEOUT_S = 5.0
_CONNECT_RETRY_S = 0.005


class Http2Lane:
    """Joins each connection to the server at `endpoint`, and lists its peer for as long as the name is bound."""

    magic = _PREFACE

    def __init__(self, endpoint: Path, peers: PeerTable) -> None:
        self._endpoint = endpoint
        self._peers = peers

    async def serve(self, arrival: Arrival) -> None:
        """Raises OSError if the endpoint takes no connection within five seconds."""
        inner = PumpEnd(lambda: self._peers.remove(arrival.peer))
        outer = PumpEnd(arrival.ended)
        outer.join(inner)  # first of all: the server speaks as soon as it is connected
        outer.attach(arrival.transport)
        inside = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            inside.setblocking(False)
            inside.bind(f"\0{arrival.peer.connection}")
            self._peers.add(
                arrival.peer, arrival.refusal
            )  # before the server can see the name, after no other can take it
            await _connect(inside, self._endpoint)
            transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: inner, sock=inside)
        except BaseException:
            self._peers.remove(arrival.peer)
            inside.close()
            raise
        if arrival.transport.is_closing():
            transport.abort()
            return
        arrival.transport.set_protocol(outer)
        inner.send(arrival.first)
        arrival.transport.resume_reading()


async def _connect(inside: socket.socket, endpoint: Path) -> None:
    """Connect without blocking. A Unix socket with a full backlog says EAGAIN and calls nobody back: ask again."""
    async with asyncio.timeout(_CONNECT_TIMEOUT_S):
        while True:
            try:
                inside.connect(str(endpoint))
            except BlockingIOError:
                await asyncio.sleep(_CONNECT_RETRY_S)
            else:
                return
