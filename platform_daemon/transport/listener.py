"""A public socket with all that stands behind it. The daemon has two: one for apps, one for the device's owner."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from platform_daemon.errors import PermissionDenied
from platform_daemon.transport.acceptor import Acceptor, WireProtocol
from platform_daemon.transport.admission import ConnectionLimits
from platform_daemon.transport.calls import Access, MethodTable, Peer
from platform_daemon.transport.framed_lane import FramedLane
from platform_daemon.transport.grpc_server import GrpcServer
from platform_daemon.transport.guard import Admit
from platform_daemon.transport.http2_lane import Http2Lane
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.peers import PeerTable
from platform_daemon.transport.socket_file import SocketFile


def only_uid(uid: int) -> Admit:
    """Admits the processes of one OS user."""

    def admit(peer: Peer) -> None:
        if peer.uid != uid:
            raise PermissionDenied(
                f"only user {uid} may use this socket: run the command as that user", reason="NOT_THE_OWNER"
            )

    return admit


class Listener:
    """Serves `table` at `path`.

    Starting: claim the path, start the gRPC server behind it, then accept. Closing runs the other way round: refuse new
    connections, let calls finish, drop connections, give the path back.
    """

    def __init__(
        self,
        path: Path,
        table: MethodTable,
        *,
        mode: int,
        admit: Admit | None = None,
        connection_limits: ConnectionLimits | None = None,
        call_limits: CallLimits | None = None,
        protocols: Sequence[WireProtocol] = (),
    ) -> None:
        """`mode` is the socket's, 0o600 or 0o666. A table with methods for the owner needs `admit`. `protocols` are
        served beside those that carry the table's calls."""
        if admit is None and any(method.access is Access.OWNER for method in table.methods.values()):
            raise ValueError("a socket that serves the owner's methods must say whom it admits")
        self._path = path
        self._table = table
        self._mode = mode
        self._admit = admit
        self._connection_limits = connection_limits
        self._call_limits = call_limits
        self._protocols = protocols
        self._file: SocketFile | None = None
        self._server: GrpcServer | None = None
        self._lane: FramedLane | None = None
        self._acceptor: Acceptor | None = None
        self._closing = asyncio.Lock()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def private_endpoint(self) -> Path | None:
        """Where the gRPC server listens, while it does; calls made there are refused."""
        return None if self._file is None else self._file.private_endpoint

    @property
    def connections(self) -> int:
        """How many are open."""
        return 0 if self._acceptor is None else self._acceptor.connections

    @property
    def turned_away(self) -> int:
        """How many connections have found no place, or have lost theirs to others, since the start."""
        return 0 if self._acceptor is None else self._acceptor.turned_away

    async def start(self) -> None:
        """Raises ListenError; nothing is left behind then."""
        self._file = SocketFile.claim(self._path)
        try:
            peers = PeerTable()
            endpoint = self._file.private_endpoint
            self._server = GrpcServer(endpoint, self._table, peers, admit=self._admit, limits=self._call_limits)
            await self._server.start()
            self._lane = FramedLane(self._table, admit=self._admit, limits=self._call_limits)
            protocols: tuple[WireProtocol, ...] = (self._lane, Http2Lane(endpoint, peers), *self._protocols)
            limits = self._connection_limits or ConnectionLimits()
            if self._admit is not None:
                limits = replace(limits, strangers_yield=False)
            self._acceptor = Acceptor(protocols, peers, limits)
            self._table.on_session(self._acceptor.present_session)
            await self._acceptor.start(self._file.bind(self._mode))
        except BaseException:
            await self.close(grace_s=0.0)
            raise

    async def close(self, grace_s: float = 5.0) -> None:
        """Repeatable; a second caller waits for the first. Takes at most about `grace_s` and two seconds."""
        async with self._closing:
            if self._acceptor is not None:
                self._acceptor.stop_accepting()
            closing = [server.close(grace_s) for server in (self._server, self._lane) if server is not None]
            await asyncio.gather(*closing)
            if self._acceptor is not None:
                await self._acceptor.close()
            if self._file is not None:
                self._file.release()
            self._acceptor = self._server = self._lane = self._file = None
