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
        """Waits while the process does not read; one that is cancelled was not sent. Raises WorkerGone."""
        ...

    def deliver(self, on_reply: Callable[[WorkerReply], None], on_gone: Callable[[Exception], None]) -> None:
        """From now on hand over each reply on the event loop, and at the end, once, why there will be no other."""
        ...

    async def end(self) -> None:
        """End the process, by force where needed. Repeatable."""
        ...


@dataclass(slots=True, eq=False)
class _Call:
    reply: "asyncio.Future[WorkerReply]"
    timeout_s: float


class Worker:
    """Matches replies to calls. Belongs to the event loop.

    The process takes commands in turn, so the time of a call begins when those before it are answered: a queue is no
    hanging graph. A caller that gives up leaves its call behind, watched as before, if the process has been sent it,
    else nothing. The process is sent no more than it reads, so that what waits belongs to callers who wait.
    """

    def __init__(self, process: WorkerProcess, on_gone: Callable[[], None]) -> None:
        """`on_gone` is called once, when no further call can succeed."""
        self._process = process
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, _Call] = {}
        self._last_id = 0
        self._alive = True
        self._turn_s = 0.0
        """Since when the first of the calls has had its turn."""
        self._watch: asyncio.TimerHandle | None = None
        self._watch_s = 0.0
        self._ending: asyncio.Task[None] | None = None
        process.deliver(self._replied, self._process_gone)

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
        reply = self._loop.create_future()
        self._calls[command.id] = _Call(reply, timeout_s)
        if len(self._calls) == 1:
            self._watch_next()
        sent = False
        try:
            await self._process.send(command)
            sent = True
            return _checked(await reply)
        except asyncio.CancelledError:
            if not sent:
                self._take_back(command.id)
            raise
        except WorkerGone as gone:
            self._lost(str(gone))
            raise Unavailable(f"the inference worker ended ({gone}); try again", reason="WORKER_GONE") from gone

    async def end(self) -> None:
        """End the process; calls under way are answered Unavailable."""
        await self._process.end()
        self._lost("it was ended")

    def _take_back(self, number: int) -> None:
        had_its_turn = next(iter(self._calls), None) == number
        if self._calls.pop(number, None) is not None and had_its_turn and self._calls:
            self._watch_next()

    def _replied(self, reply: WorkerReply) -> None:
        call = self._calls.pop(reply.id, None)
        if call is not None:
            if self._calls:
                self._watch_next()
            if not call.reply.done():  # else its caller has given up
                call.reply.set_result(reply)

    def _process_gone(self, gone: Exception) -> None:
        self._lost(str(gone))
        self._end_process()

    def _watch_next(self) -> None:
        """The call whose turn it is has its time from now on. One timer serves all: it is set anew only where it would
        come too late, and when it comes too early it sees so."""
        self._turn_s = self._loop.time()
        due_s = self._turn_s + self._calls[next(iter(self._calls))].timeout_s
        if self._watch is None or due_s < self._watch_s:
            self._watch_at(due_s)

    def _watch_at(self, due_s: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch_s = due_s
        self._watch = self._loop.call_at(due_s, self._look)

    def _look(self) -> None:
        self._watch = None
        if not self._calls:
            return
        number, call = next(iter(self._calls.items()))
        due_s = self._turn_s + call.timeout_s
        if self._loop.time() < due_s:
            self._watch_at(due_s)
            return
        del self._calls[number]
        _fail(call, DeadlineExceeded(f"the graph ran for more than {call.timeout_s:g} s and was ended"))
        self._lost("another graph of this app hung")
        self._end_process()

    def _end_process(self) -> None:
        self._ending = asyncio.ensure_future(self._process.end())

    def _lost(self, why: str) -> None:
        if not self._alive:
            return
        self._alive = False
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        calls, self._calls = self._calls, {}
        for call in calls.values():
            _fail(call, WorkerGone(why))
        self._on_gone()


def _fail(call: _Call, error: Exception) -> None:
    if not call.reply.done():
        call.reply.set_exception(error)
        call.reply.exception()  # Marked as seen: the caller may give up yet.


def _checked(reply: WorkerReply) -> WorkerReply:
    if reply.WhichOneof("reply") == "error":
        raise as_daemon_error(reply.error.status, reply.error.reason, reply.error.message)
    return reply


def as_daemon_error(status: str, reason: str, message: str) -> DaemonError:
    """What a child process says went wrong. A child is not trusted: an unknown status is a defect."""
    return BY_STATUS.get(status, Internal)(message, reason=reason or None)
