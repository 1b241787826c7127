"""Work that goes on while the app does something else."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from client_lib.errors import Cancelled, DaemonNotRunning, InsituError
from client_lib.retry import BACKGROUND, INTERACTIVE, RetryPolicy

logger = logging.getLogger("client_lib")

Send = Callable[[RetryPolicy], int]
"""Sends one batch with a policy, returns how many examples were stored."""


class Task(Future[int]):
    """Examples on their way. `result()` waits and returns how many were stored, or raises InsituError; `exception()`,
    `done()` and `add_done_callback()` are those of concurrent.futures. A task may be ignored.
    """

    stored: int = 0
    """Examples acknowledged so far; also where a later batch failed."""


class Sender:
    """Sends batches one after another on a thread of its own, so that examples keep their order.

    At most `capacity` batches wait; a caller who is faster than the daemon waits with them.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="insitu-sender")
        self._room = threading.BoundedSemaphore(capacity)
        self._policy = BACKGROUND
        self._reported: set[str] = set()

    def submit(self, send: Send) -> "Future[int]":
        """Queue one batch. Raises Cancelled once closed."""
        self._room.acquire()
        try:
            future = self._executor.submit(self._run, send)
        except RuntimeError as error:
            self._room.release()
            raise _closed() from error
        future.add_done_callback(lambda _: self._room.release())
        return future

    def flush(self) -> None:
        """Wait until what was submitted before has been sent, or has failed. Raises Cancelled once closed."""
        try:
            self._executor.submit(lambda: None).result()
        except RuntimeError as error:
            raise _closed() from error

    def close(self, timeout_s: float) -> None:
        """Send what waits, for at most this long; what is left fails with Cancelled. Repeatable."""
        drained = threading.Thread(target=self._executor.shutdown, daemon=True)
        drained.start()
        drained.join(timeout_s)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, send: Send) -> int:
        try:
            stored = send(self._policy)
        except InsituError as error:
            # Whoever waited once for a daemon that did not come back need not wait again for each batch.
            self._policy = INTERACTIVE if isinstance(error, DaemonNotRunning) else BACKGROUND
            self._report(error)
            raise
        self._policy = BACKGROUND
        return stored

    def _report(self, error: InsituError) -> None:
        """Tasks may be ignored, their failures should not go unseen: the first of each reason is logged."""
        if error.reason not in self._reported:
            self._reported.add(error.reason)
            logger.warning("examples were not stored: %s", error)


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


def _closed() -> Cancelled:
    return Cancelled("the connection to the daemon is closed; connect again")


def _failure(batch: "Future[int]") -> BaseException | None:
    try:
        return batch.exception()
    except CancelledError:
        return Cancelled("the connection was closed before the examples were sent; keep it open or wait for the task")
