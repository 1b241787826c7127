"""Work that goes on while the app does something else."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from client_lib.batching import AHEAD_BYTES
from client_lib.delivery import Delivery, unsent
from client_lib.errors import InsituError, Unauthenticated
from client_lib.reaching import shut
from client_lib.retry import BACKGROUND, RetryPolicy

Send = Callable[[RetryPolicy], int]
"""Sends one batch with a policy, returns how many examples were stored."""


class Ahead(Protocol):
    """A batch that was sent ahead."""

    def wait(self) -> int:
        """Wait for the answer. Returns how many examples were stored, raises InsituError."""
        ...


Start = Callable[[Any], Ahead | None]
"""Sends one batch, once, without waiting for the answer. Given the batch that was sent ahead before, unless all are
answered: None where the daemon might begin this one although that one is lost."""


class Task(Future[int]):
    """Examples on their way. `result()` waits and returns how many were stored, or raises InsituError; `exception()`,
    `done()` and `add_done_callback()` are those of concurrent.futures. A task may be ignored.
    """

    stored: int = 0
    """Examples acknowledged so far; also where a later batch failed."""


@dataclass(slots=True, eq=False)
class _Batch:
    send: Send
    size_bytes: int
    ahead: Ahead | None = None
    """Where it has been sent ahead."""
    stored: int | None = None
    failure: InsituError | None = None
    """What became of it where somebody has waited already."""


class Sender:
    """Sends batches in the order of their submission, and several are on their way at a time. They are stored in that
    order too, but for one that the daemon refuses for the moment alone (QUOTA_RATE and the like): those that went ahead
    behind it may be stored first, and it is sent again after them.

    A batch goes out at once, on the thread that submits it, unless one before it is unsent or has failed; a thread of
    the sender's own collects the answers in order. When a batch has to be sent again, those behind it settle first, and
    go on one after another until none is left.

    At most `capacity` batches wait; a caller who is faster than the daemon waits with them.
    """

    def __init__(self, capacity: int = 64, ahead_bytes: int = AHEAD_BYTES) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="insitu-sender")
        self._room = threading.BoundedSemaphore(capacity)
        self._delivery = Delivery()
        self._ahead_bytes = ahead_bytes
        self._changed = threading.Condition()  # for what follows; held while a batch takes its place
        self._underway: list[_Batch] = []
        self._underway_bytes = 0
        self._unsent = 0
        """Batches that wait for their turn to be sent by the sender's thread."""

    def submit(self, send: Send, start: Start | None = None, size_bytes: int = 0) -> "Future[int]":
        """Send one batch. `start` sends it ahead, where the connection can; `send` takes the time and the patience
        that it takes. Raises Cancelled once closed."""
        self._room.acquire()
        try:
            with self._changed:
                batch = _Batch(send, size_bytes)
                self._start(batch, start)
                future = self._executor.submit(self._deliver, batch)
        except RuntimeError as error:
            self._room.release()
            raise shut() from error
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return future

    def flush(self) -> None:
        """Wait until what was submitted before has been sent, or has failed. Raises Cancelled once closed."""
        try:
            self._executor.submit(lambda: None).result()
        except RuntimeError as error:
            raise shut() from error

    def close(self, timeout_s: float) -> None:
        """Send what waits, for at most this long; what is left fails with Cancelled. Repeatable."""
        drained = threading.Thread(target=self._executor.shutdown, daemon=True)
        drained.start()
        drained.join(timeout_s)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _start(self, batch: _Batch, start: Start | None) -> None:
        """Send it ahead where nothing before it is unsent. With the condition held."""
        while start is not None and self._underway and self._underway_bytes + batch.size_bytes > self._ahead_bytes:
            self._changed.wait()
        if start is not None and not self._unsent:
            # What fails here fails once more when it is its turn, and is told then.
            with suppress(InsituError):
                batch.ahead = start(self._underway[-1].ahead if self._underway else None)
        if batch.ahead is None:
            self._unsent += 1
        else:
            self._underway.append(batch)
            self._underway_bytes += batch.size_bytes

    def _deliver(self, batch: _Batch) -> int:
        """On the sender's thread, batch by batch."""
        try:
            stored = self._collect(batch)
            if stored is None:
                stored = self._send(batch)
        except InsituError as error:
            self._delivery.failed(error)
            raise
        self._delivery.succeeded()
        return stored

    def _send(self, batch: _Batch) -> int:
        try:
            return batch.send(self._delivery.policy)
        finally:
            with self._changed:
                self._unsent -= 1

    def _collect(self, batch: _Batch) -> int | None:
        """How many were stored of a batch that was sent ahead. None where it is unsent, or has to be sent again."""
        if batch.ahead is None:
            return None
        self._settle(batch)
        if batch.ahead is None:
            with self._changed:
                behind = list(self._underway)
            for other in behind:
                self._settle(other)
        if batch.failure is not None:
            raise batch.failure
        return batch.stored

    def _settle(self, batch: _Batch) -> None:
        """Wait for the answer; one that says to come again makes the batch unsent."""
        if batch.ahead is None or batch not in self._underway:
            return
        again = False
        try:
            batch.stored = batch.ahead.wait()
        except InsituError as error:
            again = BACKGROUND.retries(error) or isinstance(error, Unauthenticated)
            batch.failure = None if again else error
        with self._changed:
            # All at once: whoever is about to send sees that it is under way, or that it is unsent.
            self._underway.remove(batch)
            self._underway_bytes -= batch.size_bytes
            if again:
                batch.ahead = None
                self._unsent += 1
            self._changed.notify_all()


def gather(batches: Sequence["Future[int]"]) -> Task:
    """One task for several batches: done when all are, failed with the first failure among them."""
    task = Task()
    task.set_running_or_notify_cancel()
    if not batches:
        task.set_result(0)
    left = len(batches)
    failure: BaseException | None = None
    lock = threading.Lock()

    def one_done(batch: "Future[int]") -> None:
        nonlocal left, failure
        error = _failure(batch)
        with lock:
            left -= 1
            failure = failure or error
            task.stored += 0 if error else batch.result()
            finished = left == 0
        if finished and failure is not None:
            task.set_exception(failure)
        elif finished:
            task.set_result(task.stored)

    for batch in batches:
        batch.add_done_callback(one_done)
    return task


def _failure(batch: "Future[int]") -> BaseException | None:
    try:
        return batch.exception()
    except CancelledError:
        return unsent()
