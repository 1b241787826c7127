"""Who does not read, and who writes by drops, is dropped; both transports, on a loop whose clock the test turns."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from client_lib.lane_framing import MAGIC, call_frame
from platform_daemon.transport import Listener
from platform_daemon.transport.patience import WRITING_S, Patience
from tests.transport.echo import SESSION, EchoServicer, echo_table

SAY = 1
TURNS = 500
"""Of the loop: several times what the largest exchange here takes."""


class TurnedLoop(asyncio.SelectorEventLoop):
    """Its time stands still but for what `turn` adds."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def turn(self, seconds: float) -> None:
        self.ahead_s += seconds


def run(test: Callable[[TurnedLoop], object]) -> None:
    loop = TurnedLoop()
    try:
        loop.run_until_complete(test(loop))  # type: ignore[arg-type]
    finally:
        loop.close()


def test_it_ends_once_and_only_after_its_time() -> None:
    given_up: list[int] = []

    async def test(loop: TurnedLoop) -> None:
        patience = Patience(60.0, lambda: given_up.append(1))
        patience.begin()
        loop.turn(50)
        await asyncio.sleep(0)
        patience.begin()
        patience.end()
        loop.turn(50)
        await asyncio.sleep(0)
        assert given_up == []
        patience.begin()
        loop.turn(61)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert given_up == [1]

    run(test)


async def quiet() -> None:
    """Let the loop do all that there is to do. Both ends of the sockets are its own: what one has written, the other
    can read in the next turn."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turned_s", [1.0, 61.0])
def test_a_frame_that_comes_by_drops_is_given_a_minute(tmp_path: Path, turned_s: float) -> None:
    async def test(loop: TurnedLoop) -> None:
        listener = Listener(tmp_path / "s.sock", echo_table(EchoServicer()), mode=0o600)
        await listener.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await loop.sock_connect(client, str(listener.path))
            frame = MAGIC + call_frame(SAY, 1, SESSION.encode(), b"\x0a\x7f" + bytes(127), 0)
            await loop.sock_sendall(client, frame[:40])
            await quiet()
            assert listener.connections == 1
            loop.turn(turned_s)
            await quiet()
            assert listener.connections == (0 if turned_s > 60 else 1)
        await listener.close(0.0)

    run(test)


def test_a_stream_that_is_amid_a_frame_whenever_it_is_looked_at_is_kept(tmp_path: Path) -> None:
    async def test(loop: TurnedLoop) -> None:
        listener = Listener(tmp_path / "s.sock", echo_table(EchoServicer()), mode=0o600)
        await listener.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await loop.sock_connect(client, str(listener.path))
            frame = call_frame(SAY, 1, SESSION.encode(), b"\x0a\x7f" + bytes(127), 0)
            await loop.sock_sendall(client, MAGIC + frame[:40])
            for _ in range(20):
                loop.turn(WRITING_S / 2)
                await loop.sock_sendall(client, frame[40:] + frame[:40])
                assert await asyncio.wait_for(loop.sock_recv(client, 1 << 16), WRITING_S)
            assert listener.connections == 1
        await listener.close(0.0)

    run(test)


@pytest.mark.parametrize("turned_s", [1.0, 61.0])
def test_answers_that_nobody_reads_are_kept_for_a_minute(tmp_path: Path, turned_s: float) -> None:
    async def test(loop: TurnedLoop) -> None:
        listener = Listener(tmp_path / "s.sock", echo_table(EchoServicer()), mode=0o600)
        await listener.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await loop.sock_connect(client, str(listener.path))
            request = b"\x0a\x80\x80\x40" + bytes(1 << 20)
            await loop.sock_sendall(client, MAGIC)
            calls = b"".join(call_frame(SAY, number, SESSION.encode(), request, 0) for number in range(1, 5))
            sending = asyncio.ensure_future(loop.sock_sendall(client, calls))
            await quiet()
            assert listener.connections == 1
            loop.turn(turned_s)
            await quiet()
            assert listener.connections == (0 if turned_s > 60 else 1)
            sending.cancel()
        await listener.close(0.0)

    run(test)
