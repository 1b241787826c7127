"""Examples on their way, for programs on an event loop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from client_lib.aio.connection import Started
from client_lib.batching import AHEAD_BYTES
from client_lib.delivery import Delivery, unsent
from client_lib.errors import InsituError, ResourceExhausted, Unauthenticated
from client_lib.reaching import shut
from client_lib.retry import BACKGROUND, RetryPolicy

Send = Callable[[RetryPolicy], Awaitable[None]]
"""Sends one batch with a policy."""
Start = Callable[[Started | None], Started | None]
"""Sends one batch once, behind the one that was sent ahead before. None where that one may be lost and this one not."""
MOST_WAITING = 4096
"""Batches. `add` cannot wait, so a program that never does is stopped here."""


class Task(asyncio.Future[int]):
    """Examples on their way. `await task` returns how many were stored, or raises InsituError; a task may be ignored.

    A cancelled task's examples are not sent, as far as they are not on their way yet.
    """

    stored: int = 0
    """Examples acknowledged so far; also where a later batch failed."""


@dataclass(slots=True, eq=False)
class _Batch:
    send: Send
    start: Start
    count: int
    size_bytes: int
    stored: "asyncio.Future[int]"
    ahead: Started | None = None
    """Where it has been sent ahead."""


class Sender:
    """Sends batches in the order of their submission, and several are on their way at a time. Belongs to one loop.

    They are stored in that order too, but for one that the daemon refuses for the moment alone (QUOTA_RATE and the
    like): those that went ahead behind it may be stored first, and it is sent again after them.

    Batches are sent ahead while the connection promises to keep their order. Where one has to be sent again, those
    behind it settle first, and whatever of them has to be sent again too follows it.
    """

    def __init__(self) -> None:
        self._delivery = Delivery()
        self._underway: deque[_Batch] = deque()
        """Sent ahead."""
        self._underway_bytes = 0
        self._again: deque[_Batch] = deque()
        """To be sent again, before all that wait."""
        self._waiting: deque[_Batch] = deque()
        self._alone = False
        """A batch is sent again, or cannot be sent ahead: none may overtake it."""
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, send: Send, start: Start, count: int, size_bytes: int) -> "asyncio.Future[int]":
        """Queue one batch, and send it if its turn has come. `start` sends it ahead, `send` takes the time and the
        patience that it takes. Raises Cancelled once closed, ResourceExhausted where too many wait."""
        if self._closed:
            raise shut()
        if len(self._waiting) + len(self._underway) >= MOST_WAITING:
            raise ResourceExhausted(
                f"{MOST_WAITING} batches of examples wait to be sent; await the tasks of some", reason="BACKLOG"
            )
        loop = asyncio.get_running_loop()
        batch = _Batch(send, start, count, size_bytes, loop.create_future())
        self._waiting.append(batch)
        self._send_ahead()
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="insitu-sender")
        return batch.stored

    async def flush(self) -> None:
        """Wait until what was submitted before has been sent, or has failed."""
        if self._closed:
            raise shut()
        last = self._waiting or self._underway or self._again
        if last:
            await asyncio.wait([last[-1].stored])

    async def close(self, timeout_s: float) -> None:
        """Send what waits, for at most this long; what is left fails with Cancelled. Repeatable."""
        self._closed = True
        worker = self._worker
        if worker is not None:
            await asyncio.wait([worker], timeout=timeout_s)
            worker.cancel()
        for batch in (*self._underway, *self._again, *self._waiting):
            if not batch.stored.done():
                batch.stored.set_exception(unsent())

    def _send_ahead(self) -> None:
        """Send what may follow those that are on their way."""
        while self._waiting and not self._alone:
            batch = self._waiting[0]
            if not batch.stored.done():
                full = self._underway and self._underway_bytes + batch.size_bytes > AHEAD_BYTES
                batch.ahead = None if full else batch.start(self._underway[-1].ahead if self._underway else None)
                if batch.ahead is None:
                    return
                self._underway.append(batch)
                self._underway_bytes += batch.size_bytes
            self._waiting.popleft()

    async def _work(self) -> None:
        try:
            while self._underway or self._waiting:
                while self._underway:
                    await self._collect(self._underway[0])
                    done = self._underway.popleft()
                    self._underway_bytes -= done.size_bytes
                    if not done.stored.done():
                        self._alone = True
                        self._again.append(done)
                    self._send_ahead()
                self._waiting.extendleft(reversed(self._again))
                self._again.clear()
                if self._waiting:
                    self._alone = True
                    await self._deliver(self._waiting[0])
                    self._waiting.popleft()
                self._alone = False
                self._send_ahead()
        finally:
            self._worker = None

    async def _collect(self, batch: _Batch) -> None:
        """Wait for the answer to what was sent ahead; one that says to come again leaves it unsettled."""
        assert batch.ahead is not None
        try:
            await batch.ahead.call.result()
        except InsituError as error:
            if not BACKGROUND.retries(error) and not isinstance(error, Unauthenticated):
                self._failed(batch, error)
        else:
            self._succeeded(batch)

    async def _deliver(self, batch: _Batch) -> None:
        if batch.stored.done():
            return
        try:
            await batch.send(self._delivery.policy)
        except InsituError as error:
            self._failed(batch, error)
        else:
            self._succeeded(batch)

    def _succeeded(self, batch: _Batch) -> None:
        self._delivery.succeeded()
        if not batch.stored.done():
            batch.stored.set_result(batch.count)

    def _failed(self, batch: _Batch, error: InsituError) -> None:
        self._delivery.failed(error)
        if not batch.stored.done():
            batch.stored.set_exception(error)


def gather(batches: "Iterable[asyncio.Future[int]]") -> Task:
    """One task for several batches: done when all are, failed with the first failure among them."""
    task, waiting = Task(), list(batches)
    left = len(waiting)
    failure: BaseException | None = None

    def one_done(batch: "asyncio.Future[int]") -> None:
        nonlocal left, failure
        left -= 1
        if batch.cancelled():
            failure = failure or unsent()
        elif (error := batch.exception()) is not None:
            failure = failure or error
        else:
            task.stored += batch.result()
        if left == 0 and not task.done():
            settle(task, failure)

    def withdraw(done: "asyncio.Future[int]") -> None:
        if done.cancelled():
            for batch in waiting:
                batch.cancel()

    for batch in waiting:
        batch.add_done_callback(one_done)
    task.add_done_callback(withdraw)
    if not waiting:
        task.set_result(0)
    return task


def settle(task: Task, failure: BaseException | None) -> None:
    """Let the task, which is not done, have its result: how many were stored, or why not all were."""
    if failure is None:
        task.set_result(task.stored)
    else:
        task.set_exception(failure)
        task.exception()  # it may be ignored: the sender has logged what is worth knowing
