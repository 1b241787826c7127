"""One inference worker as the primary sees it: commands out, replies in any order, an end that may come any time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Call:
    reply: "asyncio.Future[WorkerReply]"
    timeout_s: float


class Worker:
    """Matches replies to calls. Belongs to the event loop.

    The process takes commands in turn, so the time of a call begins when those before it are answered: a queue is no
    hanging graph. A caller that gives up leaves its call behind, watched as before.
    """

    def __init__(self, process: WorkerProcess, on_gone: Callable[[], None]) -> None:
        """`on_gone` is called once, when no further call can succeed."""
        self._process = process
        self._on_gone = on_gone
        self._calls: dict[int, _Call] = {}
        self._last_id = 0
        self._alive = True
        self._watch: asyncio.TimerHandle | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read(), name=f"worker {process.pid}")

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def busy(self) -> bool:
        """Whether calls are under way."""
        return bool(self._calls)

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
        call = _Call(asyncio.get_running_loop().create_future(), timeout_s)
        self._calls[command.id] = call
        if len(self._calls) == 1:
            self._watch_next()
        try:
            await self._process.send(command)
            return _checked(await asyncio.shield(call.reply))
        except WorkerGone as gone:
            self._lost(str(gone))
            raise Unavailable(f"the inference worker ended ({gone}); try again", reason="WORKER_GONE") from gone

    async def end(self) -> None:
        """End the process; calls under way are answered Unavailable."""
        await self._process.end()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            while True:
                reply = await self._process.receive()
                call = self._calls.pop(reply.id, None)
                if call is not None:
                    self._watch_next()
                    call.reply.set_result(reply)
        except WorkerGone as gone:
            self._lost(str(gone))
            await self._process.end()

    def _watch_next(self) -> None:
        """Give the call whose turn it is its time."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None
        if self._calls:
            number = next(iter(self._calls))
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._calls[number].timeout_s, self._time_out, number)

    def _time_out(self, number: int) -> None:
        call = self._calls.pop(number)
        _fail(call, DeadlineExceeded(f"the graph ran for more than {call.timeout_s:g} s and was ended"))
        self._lost("another graph of this app hung")
        self._ending = asyncio.ensure_future(self._process.end())

    def _lost(self, why: str) -> None:
        if not self._alive:
            return
        self._alive = False
        calls, self._calls = self._calls, {}
        self._watch_next()
        for call in calls.values():
            _fail(call, WorkerGone(why))
        self._on_gone()


def _fail(call: _Call, error: Exception) -> None:
    call.reply.set_exception(error)
    call.reply.exception()  # Marked as seen: the caller may have given up.


def _checked(reply: WorkerReply) -> WorkerReply:
    if reply.WhichOneof("reply") == "error":
        raise as_daemon_error(reply.error.status, reply.error.reason, reply.error.message)
    return reply


def as_daemon_error(status: str, reason: str, message: str) -> DaemonError:
    """What a child process says went wrong. A child is not trusted: an unknown status is a defect."""
    return BY_STATUS.get(status, Internal)(message, reason=reason or None)
