"""The framed lane: any bytes on a connection, cut at any place. Nothing grows, and whatever is answered is a frame."""

import asyncio
from pathlib import Path

from client_lib.lane_framing import FrameReader, Kind, call_frame, cancel_frame
from platform_daemon.transport.acceptor import Arrival
from platform_daemon.transport.calls import Peer
from platform_daemon.transport.framed_lane import numbered
from platform_daemon.transport.lane_connection import LaneConnection
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.tenancy import Tenancy, TenantLimits
from platform_daemon.transport.underway import CallsUnderWay
from tests.fuzz.target import FuzzTarget
from tests.transport.echo import SESSION, EchoServicer, echo_table

LIMITS = CallLimits(message_bytes=1024, calls_per_connection=16, bytes_per_connection=2048)


class MemoryTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, parts: list[bytes]) -> None:  # type: ignore[override]
        self.written += b"".join(parts)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def target(folder: Path) -> FuzzTarget:
    loop = asyncio.new_event_loop()

    async def converse(piece: int, stream: bytes) -> None:
        transport, ended = MemoryTransport(), asyncio.Event()
        table = echo_table(EchoServicer())
        table._tenancy = Tenancy(TenantLimits(refusals_per_s=1e9))
        arrival = Arrival(transport, Peer(1000, 1, "fuzz"), b"", None, ended.set)
        connection = LaneConnection(arrival, table, numbered(table), LIMITS, CallsUnderWay(), None, set())
        connection.begin(b"")
        for start in range(0, len(stream), piece):
            if transport.closed:
                break
            connection.data_received(stream[start : start + piece])
            await asyncio.sleep(0)
        for _ in range(8):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        assert ended.is_set()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)
        for frame in FrameReader(1 << 20).feed(bytes(transport.written)):
            assert frame.kind in (Kind.ANSWER, Kind.ERROR)

    def parse(data: bytes) -> None:
        """The first byte says in pieces of how many bytes the others come."""
        if data:
            loop.run_until_complete(converse(1 + data[0], data[1:]))

    session = SESSION.encode()
    calls = [call_frame(number, number, session, b"\x0a\x03abc", 1000) for number in range(1, 8)]
    seeds = (
        b"\xff" + b"".join(calls) + cancel_frame(3),
        b"\x02" + calls[0] + calls[1],
        b"\xff" + call_frame(1, 1, b"", b"", 0) + call_frame(99, 2, session, b"", 0) + calls[0][:20],
        b"\x10" + call_frame(1, 9, session, bytes(5000), 0) + calls[0],
    )
    return FuzzTarget(parse, (), seeds, (session, calls[0], cancel_frame(1)))
