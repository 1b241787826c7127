"""The framed lane: the method table's calls in frames, served in place on connections that the kernel vouches for."""

import asyncio
from collections.abc import Mapping

from client_lib.lane_framing import MAGIC, number_of
from platform_daemon.errors import DaemonError
from platform_daemon.transport.acceptor import Arrival
from platform_daemon.transport.calls import Method, MethodTable
from platform_daemon.transport.guard import Admit
from platform_daemon.transport.held_bytes import HeldBytes
from platform_daemon.transport.lane_connection import LaneConnection
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.underway import CallsUnderWay

_FLUSH_S = 1.0
"""How long what is written may take to reach clients that are slow to read it, when the daemon ends."""


class FramedLane:
    """Serves `table` on each connection that begins with the magic. Methods without a number are not served."""

    magic = MAGIC

    def __init__(self, table: MethodTable, *, admit: Admit | None = None, limits: CallLimits | None = None) -> None:
        self._table = table
        self._admit = admit
        self._limits = limits or CallLimits()
        self._calls = CallsUnderWay()
        self._connections: set[LaneConnection] = set()
        self._held = HeldBytes(self._limits.unfinished_bytes)
        self._methods: Mapping[int, Method] = {}

    async def serve(self, arrival: Arrival) -> None:
        """See WireProtocol."""
        if not self._methods:
            self._methods = numbered(self._table)
        connection = LaneConnection(
            arrival,
            self._table,
            self._methods,
            self._limits,
            self._calls,
            self._refusal(arrival),
            self._connections,
            self._held,
        )
        connection.begin(arrival.first[len(MAGIC) :])

    async def close(self, grace_s: float) -> None:
        """Refuse new calls, let those under way finish for `grace_s`, then cancel them and send what is written.

        Repeatable; takes at most a second more than `grace_s`."""
        await self._calls.drain(grace_s)
        connections = tuple(self._connections)
        for connection in connections:
            connection.end()
        flushed = [asyncio.ensure_future(connection.ended.wait()) for connection in connections]
        if flushed:
            await asyncio.wait(flushed, timeout=_FLUSH_S)
        for waiting in flushed:
            waiting.cancel()

    def _refusal(self, arrival: Arrival) -> DaemonError | None:
        if self._admit is not None:
            try:
                self._admit(arrival.peer)
            except DaemonError as error:
                return error
        return arrival.refusal


def numbered(table: MethodTable) -> dict[int, Method]:
    """The table's methods by their number. Raises ValueError where two have the same."""
    methods: dict[int, Method] = {}
    for method in table.methods.values():
        number = number_of(method.descriptor)
        if number and methods.setdefault(number, method) is not method:
            raise ValueError(f"{method.path} and {methods[number].path} have the same number on the lane")
    return methods
