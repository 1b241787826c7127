"""The framed lane on an event loop: many calls on one connection, and how each of them ends."""

import asyncio
import os
import socket as sockets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from client_lib import Cancelled, DaemonNotRunning, DeadlineExceeded, Internal, NotFound, ResourceExhausted, Unavailable
from client_lib.aio.lane_transport import LaneTransport
from client_lib.collection import STATS
from client_lib.lane_framing import HEADER, Kind
from insitu.v1.collection_pb2 import AddRequest, CollectionStats, CollectionStatsRequest
from tests.client.devices import short_home
from tests.client.frame_server import FrameServer, serving

Scene = Callable[[FrameServer, LaneTransport], Coroutine[Any, Any, None]]
Play = Callable[[Scene], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a scene on a loop of this kind."""
    kind = asyncio if request.param == "asyncio" else pytest.importorskip("uvloop")

    async def main(home: Path, scene: Scene) -> None:
        async with serving(home) as server:
            transport = LaneTransport(server.path)
            try:
                await scene(server, transport)
            finally:
                await transport.close()

    def run(scene: Scene) -> None:
        with short_home() as home, asyncio.Runner(loop_factory=kind.new_event_loop) as runner:
            runner.run(main(home, scene))

    return run


def stats(transport: LaneTransport, name: str = "", timeout_s: float = 10.0) -> "asyncio.Task[CollectionStats]":
    request = CollectionStatsRequest(collection=name)
    return asyncio.get_running_loop().create_task(
        transport.call(STATS, request, session="session", timeout_s=timeout_s)
    )


def test_answers_may_come_in_any_order(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        tasks = [stats(transport, str(i)) for i in range(100)]
        frames = [await server.call() for _ in tasks]
        for i, frame in reversed(list(enumerate(frames))):
            assert frame.body[: frame.session_size] == b"session"
            assert CollectionStatsRequest.FromString(frame.body[frame.session_size :]).collection == str(i)
            server.answer(frame, CollectionStats(examples=i))
        assert [(await task).examples for task in tasks] == list(range(100))
        assert server.connections == 1

    play(scene)


def test_who_is_cancelled_tells_the_daemon(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        given_up, kept = stats(transport), stats(transport)
        first, second = await server.call(), await server.call()
        given_up.cancel()
        assert await server.cancelled() == first.call
        server.answer(first, CollectionStats(examples=1))  # it was too late to stop it
        server.answer(second, CollectionStats(examples=2))
        assert (await kept).examples == 2
        assert given_up.cancelled()

    play(scene)


def test_who_waited_long_enough_tells_the_daemon(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        task = stats(transport, timeout_s=0.05)
        frame = await server.call()
        assert 0 < frame.deadline_ms <= 50
        assert await server.cancelled() == frame.call
        with pytest.raises(DeadlineExceeded):
            await task

    play(scene)


def test_errors_are_those_that_the_daemon_names(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        task = stats(transport)
        server.refuse(await server.call(), "NOT_FOUND", reason="NO_SUCH_VERSION", detail="3")
        with pytest.raises(NotFound) as caught:
            await task
        assert (caught.value.reason, caught.value.detail) == ("NO_SUCH_VERSION", "3")

    play(scene)


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.ERROR])
def test_an_answer_that_cannot_be_read_fails_its_call_alone(play: Play, kind: Kind) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        one, other = stats(transport), stats(transport)
        first, second = await server.call(), await server.call()
        server.send(HEADER.pack(2, kind, 0, 0, first.call, 0) + b"\x0f\xff")
        server.answer(second, CollectionStats(examples=1))
        with pytest.raises(Internal, match="cannot be read"):
            await one
        assert (await other).examples == 1

    play(scene)


def test_a_connection_that_breaks_fails_what_is_under_way_and_the_next_call_makes_another(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        tasks = [stats(transport) for _ in range(3)]
        for _ in tasks:
            await server.call()
        server.cut()
        for task in tasks:
            with pytest.raises(Unavailable):
                await task
        again = stats(transport)
        server.answer(await server.call(), CollectionStats(examples=7))
        assert (await again).examples == 7
        assert server.connections == 2

    play(scene)


def test_a_daemon_that_went_away_unnoticed_is_called_again(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        first = stats(transport)
        server.answer(await server.call(), CollectionStats())
        await first
        link = transport._link
        assert link is not None
        number = os.dup(link._transport.get_extra_info("socket").fileno())
        with sockets.socket(fileno=number) as same:
            same.shutdown(sockets.SHUT_RDWR)  # before the event loop hears of it
        again = stats(transport)
        server.answer(await server.call(), CollectionStats(examples=1))
        assert (await again).examples == 1

    play(scene)


def test_without_a_daemon_a_call_fails_at_once(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        await server.stop()
        with pytest.raises(DaemonNotRunning, match="insitu daemon run"):
            await stats(transport)
        await server.start()
        task = stats(transport)
        server.answer(await server.call(), CollectionStats())
        await task

    play(scene)


def test_closing_ends_what_is_under_way(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        task = stats(transport)
        await server.call()
        await transport.close()
        for ended in (task, stats(transport)):
            with pytest.raises(Cancelled):
                await ended

    play(scene)


def test_what_no_frame_takes_is_not_sent(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        request = CollectionStatsRequest(collection="x" * (1 << 24))
        with pytest.raises(ResourceExhausted) as caught:
            await transport.call(STATS, request, session="", timeout_s=5)
        assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert server.frames.empty()

    play(scene)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request", HEADER.pack(3, 9, 0, 0, 1, 0)])
def test_a_daemon_that_speaks_something_else_is_unavailable(play: Play, answer: bytes) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        task = stats(transport)
        await server.call()
        server.send(answer)
        with pytest.raises(Unavailable):
            await task

    play(scene)


def test_calls_wait_while_the_daemon_does_not_read_and_keep_their_order(play: Play) -> None:
    async def scene(server: FrameServer, transport: LaneTransport) -> None:
        big = AddRequest(idempotency_key=b"x" * (1 << 20))
        sent = [
            asyncio.get_running_loop().create_task(transport.call(STATS, big, session=str(i), timeout_s=10))  # type: ignore[arg-type]
            for i in range(12)
        ]
        for i in range(12):
            frame = await server.call()
            assert frame.body[: frame.session_size] == str(i).encode()
            server.answer(frame, CollectionStats())
        await asyncio.gather(*sent)

    play(scene)


def test_what_is_closed_while_it_connects_stays_closed(play: Play) -> None:
    async def scene(server: FrameServer, other: LaneTransport) -> None:
        for turns in range(8):
            transport = LaneTransport(server.path)
            call = stats(transport, timeout_s=5.0)
            for _ in range(turns):
                await asyncio.sleep(0)
            await transport.close()
            with pytest.raises(Cancelled):
                await call

    play(scene)
