"""gRPC on an event loop: how calls end that the daemon does not answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
import pytest

from client_lib import Cancelled, DaemonNotRunning, DeadlineExceeded, NotFound
from client_lib.aio.grpc_transport import GrpcTransport
from client_lib.collection import STATS
from insitu.v1.collection_pb2 import CollectionStats, CollectionStatsRequest
from tests.client.devices import short_home


class SlowDaemon:
    """Answers one question, refuses another, and leaves all others open."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def stats(self, request: CollectionStatsRequest, context: grpc.aio.ServicerContext) -> CollectionStats:
        if request.collection == "known":
            session = dict(context.invocation_metadata() or ())["insitu-session"]
            return CollectionStats(collection=str(session))
        if request.collection == "unknown":
            context.set_trailing_metadata((("insitu-reason", "NOT_FOUND"), ("insitu-field", "collection")))
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return CollectionStats()


Scene = Callable[[SlowDaemon, GrpcTransport], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    async def main() -> None:
        with short_home() as home:
            socket = home / "grpc.sock"
            daemon, server = SlowDaemon(), grpc.aio.server()
            handler = grpc.unary_unary_rpc_method_handler(
                daemon.stats,
                request_deserializer=CollectionStatsRequest.FromString,
                response_serializer=CollectionStats.SerializeToString,
            )
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler("insitu.v1.Collections", {"Stats": handler}),)
            )
            server.add_insecure_port(f"unix:{quote(str(socket))}")
            await server.start()
            transport = GrpcTransport(socket)
            try:
                await scene(daemon, transport)
            finally:
                await transport.close()
                await server.stop(None)

    asyncio.run(main())


def ask(transport: GrpcTransport, collection: str, timeout_s: float = 10.0) -> "asyncio.Task[CollectionStats]":
    request = CollectionStatsRequest(collection=collection)
    return asyncio.get_running_loop().create_task(
        transport.call(STATS, request, session="session", timeout_s=timeout_s)
    )


def test_answers_and_refusals() -> None:
    async def scene(daemon: SlowDaemon, transport: GrpcTransport) -> None:
        assert (await ask(transport, "known")).collection == "session"
        with pytest.raises(NotFound, match="there is none") as caught:
            await ask(transport, "unknown")
        assert (caught.value.reason, caught.value.field) == ("NOT_FOUND", "collection")

    play(scene)


def test_who_is_cancelled_tells_the_daemon() -> None:
    async def scene(daemon: SlowDaemon, transport: GrpcTransport) -> None:
        task = ask(transport, "slow")
        await daemon.asked.wait()
        task.cancel()
        await asyncio.wait_for(daemon.given_up.wait(), timeout=10)
        with pytest.raises(asyncio.CancelledError):
            await task

    play(scene)


def test_who_waited_long_enough_tells_the_daemon() -> None:
    async def scene(daemon: SlowDaemon, transport: GrpcTransport) -> None:
        with pytest.raises(DeadlineExceeded):
            await ask(transport, "slow", timeout_s=0.2)
        await asyncio.wait_for(daemon.given_up.wait(), timeout=10)

    play(scene)


def test_closing_ends_what_is_under_way() -> None:
    async def scene(daemon: SlowDaemon, transport: GrpcTransport) -> None:
        task = ask(transport, "slow")
        await daemon.asked.wait()
        await transport.close()
        for ended in (task, ask(transport, "known")):
            with pytest.raises(Cancelled, match="connect again"):
                await ended

    play(scene)


def test_without_a_daemon_a_call_fails_at_once() -> None:
    async def main() -> None:
        with short_home() as home:
            transport = GrpcTransport(home / "nobody.sock")
            with pytest.raises(DaemonNotRunning, match="insitu daemon run"):
                await ask(transport, "known")
            await transport.close()

    asyncio.run(main())
