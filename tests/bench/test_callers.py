"""Callers that cost little, over both protocols of the daemon's socket."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.callers import Callers, CallFailed, Wire
from benchmarks.grpc_wire import GrpcWire
from benchmarks.lane_wire import LaneCaller, LaneWire
from benchmarks.servers import ECHO, Caller, echo_server
from client_lib.lane_framing import number_of
from platform_daemon.transport import Listener
from tests.transport.echo import SERVICE, SESSION, EchoServicer, bytes_value, echo_table, serving, string_value

SAY, FAIL = "/insitu.test.Echo/Say", "/insitu.test.Echo/FailWith"
METADATA = {"insitu-session": SESSION}
Blocking = Callable[[Path], None]


def lane(method: str, request: bytes, session: str = SESSION) -> LaneWire:
    return LaneWire(number_of(SERVICE.methods_by_name[method]), request, session)


@pytest.fixture
def beside_daemon(tmp_path: Path) -> Callable[[Blocking], None]:
    """Runs a blocking client in a thread, beside a daemon's socket."""

    async def main(client: Blocking) -> None:
        path = tmp_path / "insitu.sock"
        async with serving(Listener(path, echo_table(EchoServicer()), mode=0o600)):
            await asyncio.to_thread(client, path)

    return lambda client: asyncio.run(main(client))


@pytest.mark.parametrize("wire", [
    lambda: GrpcWire(SAY, bytes_value(b"x" * 2000), METADATA),
    lambda: lane("Say", bytes_value(b"x" * 2000)),
], ids=["grpc", "lane"])  # fmt: skip
def test_each_call_is_answered(wire: Callable[[], Wire], beside_daemon: Callable[[Blocking], None]) -> None:
    def client(path: Path) -> None:
        for callers_each in (1, 4):
            with Callers(path, [wire() for _ in range(8)], callers_each) as callers:
                for calls in (32, 100):
                    load = callers.run(calls)
                    assert load.calls_per_s > 0
                    assert 0 < load.client_share < 1.5

    beside_daemon(client)


@pytest.mark.parametrize("wire", [
    lambda: GrpcWire(FAIL, string_value("NOT_FOUND"), METADATA),
    lambda: GrpcWire(SAY, bytes_value(b"x"), {"insitu-session": "forged"}),
    lambda: lane("FailWith", string_value("NOT_FOUND")),
    lambda: lane("Say", bytes_value(b"x"), "forged"),
], ids=["grpc error", "grpc session", "lane error", "lane session"])  # fmt: skip
def test_an_error_is_no_answer(wire: Callable[[], Wire], beside_daemon: Callable[[Blocking], None]) -> None:
    def client(path: Path) -> None:
        with Callers(path, [wire()]) as callers, pytest.raises(CallFailed, match="error"):
            callers.run(1)

    beside_daemon(client)


def test_more_is_sent_than_a_first_window_holds(tmp_path: Path) -> None:
    request = b"\x00\xff" * 8000
    with echo_server(tmp_path) as socket, Callers(socket, [GrpcWire(ECHO, request)]) as callers:
        assert callers.run(40).calls_per_s > 0


def test_long_headers_arrive(tmp_path: Path) -> None:
    long = {f"header-{size}": "v" * size for size in (126, 127, 128, 300, 5000)}
    with echo_server(tmp_path) as socket, Callers(socket, [GrpcWire(ECHO, b"x", long)]) as callers:
        assert callers.run(3).calls_per_s > 0


def test_one_caller_gets_the_answers(beside_daemon: Callable[[Blocking], None]) -> None:
    number = number_of(SERVICE.methods_by_name["Say"])

    def client(path: Path) -> None:
        with LaneCaller(path, number, SESSION) as say, Caller(path, SAY, SESSION) as grpc_say:
            for content in (b"", b"one", b"\x00\xff" * 100_000):
                assert say(bytes_value(content)) == grpc_say(bytes_value(content)) == bytes_value(content)
            assert say.p50_us([bytes_value(b"x")] * 3) > 0
        with LaneCaller(path, number, "forged") as forged, pytest.raises(CallFailed, match="no such session"):
            forged(bytes_value(b"x"))

    beside_daemon(client)
