"""One inference worker as the primary sees it: commands out, replies in any order, an end that may come any time."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from insitu.v1.worker_pb2 import WorkerCommand, WorkerReply
from platform_daemon.errors import BY_STATUS, DaemonError, DeadlineExceeded, Internal, Unavailable


class WorkerGone(Exception):
    """The process ended, or its channel broke."""


class WorkerProcess(Protocol):
    """The primary's end of the channel, and the process behind it."""

    @property
    def pid(self) -> int: ...

    async def send(self, command: WorkerCommand) -> None:
        """Raises WorkerGone."""
        ...

    async def receive(self) -> WorkerReply:
        """Raises WorkerGone."""
        ...

    async def end(self) -> None:
        """End the process, by force where needed. Repeatable."""
        ...


class Worker:
    """Matches replies to calls. Belongs to the event loop."""

    def __init__(self, process: WorkerProcess, on_gone: Callable[[], None]) -> None:
        self._process = process
        self._on_gone = on_gone
        self._calls: dict[int, asyncio.Future[WorkerReply]] = {}
        self._last_id = 0
        self._alive = True
        self._reader = asyncio.get_running_loop().create_task(self._read(), name=f"worker {process.pid}")

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def pid(self) -> int:
        return self._process.pid

    async def call(self, command: WorkerCommand, timeout_s: float) -> WorkerReply:
        """Send a command and wait for its reply. A worker that does not answer in time is ended: a graph that hangs
        cannot be stopped otherwise. Raises DaemonError."""
        if not self._alive:
            raise Unavailable("the inference worker restarts; try again", reason="WORKER_GONE")
        self._last_id += 1
        command.id = self._last_id
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[WorkerReply] = loop.create_future()
        self._calls[command.id] = reply
        timer = loop.call_later(timeout_s, self._time_out, reply, timeout_s)
        try:
            await self._process.send(command)
            return _checked(await reply)
        except WorkerGone as gone:
            raise Unavailable(f"the inference worker ended ({gone}); try again", reason="WORKER_GONE") from gone
        finally:
            timer.cancel()
            self._calls.pop(command.id, None)

    async def end(self) -> None:
        """End the process; calls under way are answered Unavailable."""
        await self._process.end()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while True:
                reply = await self._process.receive()
                waiting = self._calls.get(reply.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except WorkerGone as gone:
            self._alive = False
            for waiting in self._calls.values():
                if not waiting.done():
                    waiting.set_exception(WorkerGone(str(gone)))
            await self._process.end()
            self._on_gone()

    def _time_out(self, reply: "asyncio.Future[WorkerReply]", timeout_s: float) -> None:
        if not reply.done():
            reply.set_exception(DeadlineExceeded(f"the graph ran for more than {timeout_s:g} s and was ended"))
            self._alive = False
            self._ending = asyncio.ensure_future(self._process.end())


def _checked(reply: WorkerReply) -> WorkerReply:
    if reply.WhichOneof("reply") == "error":
        raise as_daemon_error(reply.error.status, reply.error.reason, reply.error.message)
    return reply


def as_daemon_error(status: str, reason: str, message: str) -> DaemonError:
    """What a child process says went wrong. A child is not trusted: an unknown status is a defect."""
    return BY_STATUS.get(status, Internal)(message, reason=reason or None)
