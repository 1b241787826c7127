"""From one process to another and back, by what carries the bytes; and from an event loop to a thread and back."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.floors.floor import Floor, microseconds
from benchmarks.lab import Effort
from benchmarks.servers import ECHO, Caller, echo_server, serving
from benchmarks.sockets import await_listener

_MESSAGE = bytes(512)
_TIMES = 2000


def hops(folder: Path, effort: Effort, open_things: ExitStack) -> list[Floor]:
    def echo(what: str, kind: str) -> Floor:
        path = folder / f"{kind}.sock"
        open_things.enter_context(serving(["-m", "benchmarks.references.stream_echo", str(path), kind]))
        await_listener(path)
        return microseconds(what, _asker(path, open_things), _TIMES, effort)

    rpc = open_things.enter_context(Caller(open_things.enter_context(echo_server(folder)), ECHO))
    return [
        echo("echo of 512 bytes over a Unix socket, both ends blocking", "blocking"),
        echo("echo of 512 bytes by an asyncio server, its default loop", "asyncio"),
        echo("echo of 512 bytes by an asyncio server, uvloop", "uvloop"),
        microseconds("echo of 512 bytes by a bare grpc.aio server", lambda: rpc(_MESSAGE), _TIMES, effort),
        _executor(effort),
    ]


def _asker(path: Path, open_things: ExitStack) -> Callable[[], None]:
    connection = open_things.enter_context(socket.socket(socket.AF_UNIX))
    connection.connect(str(path))

    def ask() -> None:
        connection.sendall(_MESSAGE)
        left = len(_MESSAGE)
        while left:
            data = connection.recv(left)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            left -= len(data)

    return ask


def _executor(effort: Effort) -> Floor:
    """Waiting for a thread without blocking the loop, as the daemon waits for its store."""

    async def there_and_back() -> Floor:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            times = effort.count(_TIMES)

            async def work() -> None:
                for _ in range(times):
                    await loop.run_in_executor(pool, int)

            taken = []
            for _ in range(effort.warm_ups + effort.least_rounds):
                started_s = loop.time()
                await work()
                taken.append((loop.time() - started_s) / times)
        return Floor("from an asyncio loop to a thread and back", sorted(taken)[len(taken) // 2] * 1e6, "µs")

    return asyncio.run(there_and_back())
