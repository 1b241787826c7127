"""The byte pump, between two plain sockets."""

import asyncio
import hashlib
import os
import socket

import pytest

from platform_daemon.transport import pump as pumping
from platform_daemon.transport.pump import PumpEnd

CHUNK = os.urandom(1 << 20)
TOTAL_BYTES = 50 << 20
HELD_BYTES = 4 << 20
"""More than two sockets and the pump between them may hold."""
BUFFERED_BYTES = 500 << 10
"""More than a socket holds, and less than holds the writer up."""


class Joined:
    """Two clients, `a` and `b`, with a pump between them."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.a, self._a_inside = socket.socketpair()
        self.b, self._b_inside = socket.socketpair()
        for one in (self.a, self.b, self._a_inside, self._b_inside):
            one.setblocking(False)

    async def __aenter__(self) -> "Joined":
        loop = asyncio.get_running_loop()
        outer, inner = PumpEnd(lambda: self.lost.append("outer")), PumpEnd(lambda: self.lost.append("inner"))
        outer.join(inner)
        await loop.create_unix_connection(lambda: inner, sock=self._b_inside)
        await loop.create_unix_connection(lambda: outer, sock=self._a_inside)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.a.close()
        self.b.close()
        async with asyncio.timeout(10):
            while len(self.lost) < 2:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0)


async def pull(source: socket.socket, size: int) -> str:
    """SHA-256 of the next `size` bytes."""
    loop = asyncio.get_running_loop()
    digest = hashlib.sha256()
    while size:
        data = await loop.sock_recv(source, min(size, 1 << 20))
        assert data, "closed early"
        digest.update(data)
        size -= len(data)
    return digest.hexdigest()


async def fill(sink: socket.socket) -> int:
    """Send until nothing more is taken for a hundred turns of the loop. Returns how much was."""
    sent, idle_turns = 0, 0
    while idle_turns < 100 and sent < TOTAL_BYTES:
        try:
            sent += sink.send(CHUNK[sent % len(CHUNK) :])
            idle_turns = 0
        except BlockingIOError:
            idle_turns += 1
        await asyncio.sleep(0)
    return sent


async def send_rest(sink: socket.socket, sent: int) -> None:
    loop = asyncio.get_running_loop()
    while sent < TOTAL_BYTES:
        piece = CHUNK[sent % len(CHUNK) :]
        await loop.sock_sendall(sink, piece)
        sent += len(piece)


@pytest.mark.parametrize("backward", [False, True])
def test_a_slow_reader_holds_the_writer_up_and_loses_nothing(backward: bool) -> None:
    async def scenario() -> None:
        async with Joined() as pump:
            sink, source = (pump.b, pump.a) if backward else (pump.a, pump.b)
            sent = await fill(sink)
            assert 0 < sent < HELD_BYTES
            _, received = await asyncio.gather(send_rest(sink, sent), pull(source, TOTAL_BYTES))
            assert received == hashlib.sha256(CHUNK * (TOTAL_BYTES // len(CHUNK))).hexdigest()

    asyncio.run(scenario())


def test_both_directions_at_once() -> None:
    async def scenario() -> None:
        async with Joined() as pump:
            whole = hashlib.sha256(CHUNK * (TOTAL_BYTES // len(CHUNK))).hexdigest()
            answers = await asyncio.gather(
                pull(pump.a, TOTAL_BYTES), pull(pump.b, TOTAL_BYTES), send_rest(pump.a, 0), send_rest(pump.b, 0)
            )
            assert answers[:2] == [whole, whole]

    asyncio.run(scenario())


@pytest.mark.parametrize("backward", [False, True])
def test_what_was_sent_before_the_end_still_arrives(backward: bool) -> None:
    async def scenario() -> None:
        async with Joined() as pump:
            sink, source = (pump.b, pump.a) if backward else (pump.a, pump.b)
            sent = await fill(sink)
            sink.close()
            expected = (CHUNK * (sent // len(CHUNK) + 1))[:sent]
            assert await pull(source, sent) == hashlib.sha256(expected).hexdigest()
            assert await asyncio.get_running_loop().sock_recv(source, 1) == b""
            assert pump.lost == (["inner", "outer"] if backward else ["outer", "inner"])

    asyncio.run(scenario())


def test_the_patience_with_an_end_that_closed_in_time_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A transport that has closed cannot be aborted any more: asyncio fails on it, and logs."""
    monkeypatch.setattr(pumping, "LINGER_S", 0.5)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with Joined() as pump:
            await loop.sock_sendall(pump.a, CHUNK[:BUFFERED_BYTES])
            pump.a.close()
            await pull(pump.b, BUFFERED_BYTES)
            assert await loop.sock_recv(pump.b, 1) == b""
        assert pump.lost == ["outer", "inner"]
        patience = asyncio.Event()
        loop.call_later(pumping.LINGER_S, patience.set)
        await patience.wait()

    asyncio.run(scenario())
    assert caplog.messages == []


def test_what_nobody_takes_keeps_an_end_open_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumping, "LINGER_S", 0.05)

    async def scenario() -> None:
        async with Joined() as pump:
            await asyncio.get_running_loop().sock_sendall(pump.a, CHUNK[:BUFFERED_BYTES])
            pump.a.close()
            async with asyncio.timeout(10):
                while len(pump.lost) < 2:  # noqa: ASYNC110 - nothing else tells
                    await asyncio.sleep(0)

    asyncio.run(scenario())
