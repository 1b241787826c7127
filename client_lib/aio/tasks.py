"""Examples on their way, for programs on an event loop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from client_lib.delivery import Delivery, unsent
from client_lib.errors import InsituError, ResourceExhausted
from client_lib.reaching import shut
from client_lib.retry import RetryPolicy

Send = Callable[[RetryPolicy], Awaitable[int]]
"""Sends one batch with a policy, returns how many examples were stored."""
MOST_WAITING = 4096
"""Batches. `add` cannot wait, so a program that never does is stopped here."""


class Task(asyncio.Future[int]):
    """Examples on their way. `await task` returns how many were stored, or raises InsituError; a task may be ignored.

    A cancelled task's examples are not sent, as far as they are not on their way yet.
    """

    stored: int = 0
    """Examples acknowledged so far; also where a later batch failed."""


class Sender:
    """Sends batches one after another, so that examples keep their order. Belongs to one event loop."""

    def __init__(self) -> None:
        self._delivery = Delivery()
        self._queue: deque[tuple[Send, asyncio.Future[int]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, send: Send) -> "asyncio.Future[int]":
        """Queue one batch. Raises Cancelled once closed, ResourceExhausted where too many wait."""
        if self._closed:
            raise shut()
        if len(self._queue) >= MOST_WAITING:
            raise ResourceExhausted(
                f"{MOST_WAITING} batches of examples wait to be sent; await the tasks of some", reason="BACKLOG"
            )
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[int] = loop.create_future()
        self._queue.append((send, stored))
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="insitu-sender")
        return stored

    async def flush(self) -> None:
        """Wait until what was submitted before has been sent, or has failed."""
        if self._closed:
            raise shut()
        if self._queue:
            await asyncio.wait([self._queue[-1][1]])

    async def close(self, timeout_s: float) -> None:
        """Send what waits, for at most this long; what is left fails with Cancelled. Repeatable."""
        self._closed = True
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=timeout_s)
            self._worker.cancel()
        for _, stored in self._queue:
            if not stored.done():
                stored.set_exception(unsent())
        self._queue.clear()

    async def _work(self) -> None:
        try:
            while self._queue:
                send, stored = self._queue[0]
                if not stored.done():
                    await self._deliver(send, stored)
                self._queue.popleft()
        finally:
            self._worker = None

    async def _deliver(self, send: Send, stored: "asyncio.Future[int]") -> None:
        try:
            count = await send(self._delivery.policy)
        except InsituError as error:
            self._delivery.failed(error)
            if not stored.done():
                stored.set_exception(error)
        else:
            self._delivery.succeeded()
            if not stored.done():
                stored.set_result(count)


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
    if failure is None:
        task.set_result(task.stored)
    else:
        task.set_exception(failure)
        task.exception()  # it may be ignored: the sender has logged what is worth knowing
