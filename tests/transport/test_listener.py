"""The public socket: who gets in, who is refused, and what happens when it closes."""

import asyncio
import contextlib
import os
import random
import resource
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from platform_daemon.transport import Access, CallLimits, ConnectionLimits, Listener, ListenError, SocketInUse, only_uid
from tests.transport.echo import EchoServicer, GrpcClient, bytes_value, connected, echo_table, serving

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "insitu.sock"


def listener(path: Path, limits: ConnectionLimits | None = None, mode: int = 0o600) -> Listener:
    return Listener(path, echo_table(EchoServicer()), mode=mode, connection_limits=limits)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def is_there(path: Path) -> bool:
    return os.path.lexists(path)


def leave_dead_socket(path: Path) -> None:
    """What a server leaves that was killed."""
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


async def says(client: GrpcClient, payload: bytes = b"hello") -> bool:
    answer = await client.call("Say", bytes_value(payload))
    return answer.payload == bytes_value(payload)


async def at_end(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side closes."""
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""


async def until_gone(server: Listener) -> None:
    """Lets the loop turn until the server has noticed that its clients left."""
    async with asyncio.timeout(10):
        while server.connections:  # noqa: ASYNC110 - the server announces nothing
            await asyncio.sleep(0)


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_the_socket_has_its_mode_and_the_private_endpoint_is_closed_to_others(path: Path, mode: int) -> None:
    async def scenario() -> None:
        async with serving(listener(path, mode=mode)) as server:
            assert mode_of(path) == mode
            assert server.private_endpoint is not None
            assert mode_of(server.private_endpoint.parent) == 0o700

    run(scenario)


@pytest.mark.parametrize("name", ["insitu-uid1000-pid1-conn1-0123456789abcdef0123456789abcdef", "insitu", None])
def test_calls_past_the_acceptor_are_refused_whatever_they_call_themselves(path: Path, name: str | None) -> None:
    async def through(inside: socket.socket, endpoint: Path) -> str:
        """Call by a relay of our own, bound to a forged name."""
        inside.setblocking(False)
        await asyncio.get_running_loop().sock_connect(inside, str(endpoint))
        relay = path.with_name("relay")

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            in_reader, in_writer = await asyncio.open_unix_connection(sock=inside)
            await asyncio.gather(copy(reader, in_writer), copy(in_reader, writer))

        async with await asyncio.start_unix_server(accept, relay), connected(relay) as client:
            answer = await client.call("Say", b"")
            assert answer.reason == "UNKNOWN_PEER"
            for stub_call in (
                health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest()),
                reflect(client.channel),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stub_call
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        return answer.code

    async def scenario() -> None:
        async with serving(listener(path)) as server:
            assert server.private_endpoint is not None
            with socket.socket(socket.AF_UNIX) as inside:
                if name is not None:
                    inside.bind(f"\0{name}")
                assert await through(inside, server.private_endpoint) == "UNAUTHENTICATED"

    run(scenario)


def test_a_live_connections_name_cannot_be_taken(path: Path) -> None:
    async def scenario() -> None:
        async with serving(listener(path)), connected(path) as client:
            answer = await client.call("TellCaller", b"")
            name = answer.payload[2:].decode().split()[2]
            with socket.socket(socket.AF_UNIX) as thief, pytest.raises(OSError, match="in use"):
                thief.bind(f"\0{name}")

    run(scenario)


async def reflect(channel: grpc.aio.Channel) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="*")
    async for response in stub.ServerReflectionInfo(iter([request])):
        return [service.name for service in response.list_services_response.service]
    return []


def test_health_and_reflection_are_served(path: Path) -> None:
    async def scenario() -> None:
        async with serving(listener(path)), connected(path) as client:
            stub = health_pb2_grpc.HealthStub(client.channel)
            for name in ("", "insitu.test.Echo"):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            assert "insitu.test.Echo" in await reflect(client.channel)

    run(scenario)


def test_silent_connections_keep_nobody_out_and_leave_after_a_while(path: Path) -> None:
    async def scenario() -> None:
        limits = ConnectionLimits(silent_per_uid=50, silent_in_all=50, silence_s=1.0)
        async with serving(listener(path, limits)) as server, connected(path) as early:
            assert await says(early)
            silent = [await asyncio.open_unix_connection(path) for _ in range(200)]
            async with connected(path) as late:
                assert await says(late)
                assert await says(early)
                assert server.connections <= 52
                for reader, writer in silent:
                    assert await at_end(reader) == b""
                    writer.close()
                assert server.connections == 2
                assert await says(late)

    run(scenario)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", b"\0", random.Random(1).randbytes(64)]
)
def test_what_speaks_no_known_protocol_is_closed(path: Path, first: bytes) -> None:
    async def scenario() -> None:
        async with serving(listener(path)) as server:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(first)
            assert await at_end(reader) == b""
            writer.close()
            assert server.connections == 0

    run(scenario)


def test_the_preface_may_come_byte_by_byte(path: Path) -> None:
    async def scenario() -> None:
        async with serving(listener(path)):
            reader, writer = await asyncio.open_unix_connection(path)
            for byte in PREFACE:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0)
            frame = await asyncio.wait_for(reader.readexactly(9), 10)
            assert frame[3] == 4, "a server begins with SETTINGS"
            writer.close()

    run(scenario)


def test_connections_beyond_the_limit_are_told_and_closed(path: Path) -> None:
    async def scenario() -> None:
        limits = ConnectionLimits(per_uid=3, silent_per_uid=2, silence_s=0.5)
        async with serving(listener(path, limits)) as server, contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(path)) for _ in range(10)]
            assert [await says(client) for client in clients[:3]] == [True] * 3
            for client in clients[3:]:
                answer = await client.call("Say", b"")
                assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_CONNECTIONS")
                assert f"user {os.getuid()} has 3 connections open" in answer.message
                assert server.connections <= 5
            assert server.turned_away == 5 + 7
            await clients[0].close()
            while not await says(clients[9]):
                assert await says(clients[1])

    run(scenario)


def test_calls_beyond_the_limit_are_refused_until_one_ends(path: Path) -> None:
    async def scenario() -> None:
        servicer = EchoServicer()
        server = Listener(path, echo_table(servicer), mode=0o600, call_limits=CallLimits(concurrent_calls=5))
        async with serving(server), connected(path) as client:
            waiting = [asyncio.create_task(client.call("WaitForever", b"")) for _ in range(5)]
            while servicer.begun_to_wait < 5:  # else one of them would be refused, and there would be room for ever
                await servicer.waiting.wait()
                servicer.waiting.clear()
            assert (await client.call("Say", b"")).code == "RESOURCE_EXHAUSTED"
            waiting.pop().cancel()
            while (await client.call("Say", b"")).code != "OK":
                pass
            for call in waiting:
                call.cancel()

    run(scenario)


def test_only_the_admitted_user_is_served(path: Path) -> None:
    async def scenario() -> None:
        table = echo_table(EchoServicer(), Access.OWNER)
        async with serving(Listener(path, table, mode=0o600, admit=only_uid(os.getuid()))), connected(path) as client:
            assert await says(client)
        stranger = os.getuid() + 1
        async with serving(Listener(path, table, mode=0o600, admit=only_uid(stranger))), connected(path) as client:
            answer = await client.call("Say", b"")
            assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "NOT_THE_OWNER")
        with pytest.raises(ValueError, match="whom it admits"):
            Listener(path, table, mode=0o666)

    run(scenario)


def test_a_dead_servers_socket_is_replaced(path: Path) -> None:
    async def scenario() -> None:
        private = Path(f"{path}.d")
        leave_dead_socket(path)
        leave_dead_socket(private / "g")
        async with serving(listener(path)), connected(path) as client:
            assert await says(client)
        assert not is_there(path)
        assert not is_there(private)

    run(scenario)


def test_a_live_socket_is_never_stolen(path: Path) -> None:
    async def scenario() -> None:
        async with serving(listener(path)), connected(path) as client:
            with pytest.raises(SocketInUse, match=r"insitu\.sock: another daemon"):
                await listener(path).start()
            assert await says(client)
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(path))
            foreign.listen()
            with pytest.raises(SocketInUse, match="another program"):
                await listener(path).start()
            assert is_there(path)

    run(scenario)


def test_what_is_no_socket_stays(path: Path) -> None:
    path.write_text("a letter")
    with pytest.raises(ListenError, match="no socket"):
        asyncio.run(listener(path).start())
    assert path.read_text() == "a letter"


def test_a_path_that_is_too_long_is_refused_with_the_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        longest = tmp_path / ("s" * (103 - len(str(tmp_path)) - 1))
        async with serving(listener(longest)), connected(longest) as client:
            assert await says(client)
        with pytest.raises(ListenError, match="at most 103"):
            await listener(longest.with_name(longest.name + "s")).start()

    run(scenario)


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    async def scenario() -> None:
        odd = tmp_path / "a b%41é#?.sock"
        async with serving(listener(odd)), connected(odd) as client:
            assert await says(client)
        assert os.listdir(tmp_path) == [f"{odd.name}.lock"]

    run(scenario)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="nowhere"):
        asyncio.run(listener(tmp_path / "nowhere" / "insitu.sock").start())


def test_closing_in_use_ends_calls_in_bounded_time_and_is_repeatable(path: Path) -> None:
    async def scenario() -> None:
        servicer = EchoServicer()
        server = Listener(path, echo_table(servicer), mode=0o600)
        await server.start()
        async with connected(path) as client:
            _reader, idle = await asyncio.open_unix_connection(path)
            waiting = asyncio.create_task(client.call("WaitForever", b""))
            await servicer.waiting.wait()
            async with asyncio.timeout(10):
                await asyncio.gather(server.close(grace_s=0.1), server.close(grace_s=0.1))
            assert (await waiting).code in ("UNAVAILABLE", "CANCELLED")
            assert servicer.cancelled.is_set()
            assert not is_there(path)
            assert server.connections == 0
            idle.close()
            await server.close()
            await server.start()
            assert await says(client)
            await server.close(grace_s=0.0)

    run(scenario)


def test_a_call_under_way_may_finish_while_closing(path: Path) -> None:
    async def scenario() -> None:
        server = listener(path)
        await server.start()
        async with connected(path) as client:
            assert await says(client)
            calls = [asyncio.create_task(client.call("Say", bytes_value(bytes(1 << 20)))) for _ in range(20)]
            await calls[0]
            await server.close(grace_s=10.0)
            codes = {(await call).code for call in calls}
            assert codes <= {"OK", "UNAVAILABLE"}

    run(scenario)


def test_calls_that_come_while_closing_are_told_and_those_under_way_finish(path: Path) -> None:
    async def scenario() -> None:
        servicer = EchoServicer()
        server = Listener(path, echo_table(servicer), mode=0o600)
        await server.start()
        async with connected(path) as client:
            under_way = asyncio.create_task(client.call("WaitForRelease", bytes_value(b"kept")))
            await servicer.waiting.wait()
            closing = asyncio.create_task(server.close(grace_s=10.0))
            while (answer := await client.call("Say", b"")).code == "OK":
                pass
            assert (answer.code, answer.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
            assert (await client.call("Say", b"")).reason == "SHUTTING_DOWN"
            servicer.released.set()
            assert (await under_way).payload == bytes_value(b"kept")
            async with asyncio.timeout(5):
                await closing

    run(scenario)


def test_connections_come_and_go_without_leaving_anything_open(path: Path) -> None:
    async def scenario() -> None:
        async with serving(listener(path)) as server:
            async with connected(path) as client:
                assert await says(client)
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(50):
                async with connected(path) as client:
                    assert await says(client)
            await until_gone(server)
            assert len(os.listdir("/proc/self/fd")) <= before + 5

    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 300
    run(scenario)
