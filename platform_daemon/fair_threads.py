"""Threads for work that blocks, shared fairly: tenants are served in turn, however much each of them asks for."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

OWN_WORK = 0
"""The tenant of what the daemon does for itself."""


@dataclass(frozen=True, slots=True)
class InOrder:
    """A tenant's work that is to be done one piece after another, in the order in which it came."""

    tenant: Hashable


class FairThreads(Executor):
    """A queue for each tenant, and threads that go round them.

    A tenant has at most `per_tenant` threads at once, and one more for what is in order, so that with more threads
    than that there is always one for the next who comes. Queues are bounded by the calls that a tenant may have under
    way, not here.
    """

    def __init__(self, threads: int, name: str, *, per_tenant: int) -> None:
        self._per_tenant = per_tenant
        self._lock = threading.Lock()  # for what follows
        self._queues: dict[Hashable, deque[Callable[[], None]]] = {}
        """Of tenants that wait for a thread, the one whose turn is next first."""
        self._busy: dict[Hashable, int] = {}
        """Threads at work, by tenant."""
        self._passed_over = 0
        """Chances that were taken while every tenant that waits had its threads."""
        self._withdrawn = 0
        """Chances that are left over, because their work was withdrawn."""
        self._closed = False
        self._chances: SimpleQueue[bool] = SimpleQueue()
        """One for each piece of work that may be begun; False for a thread to end. It wakes a thread in less time than
        a condition, which makes a lock for each that waits."""
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, tenant: Hashable, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work` on a thread when the tenant's turn comes. One that is cancelled before does not begin, and
        nothing of it is kept."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def carry_out() -> None:
            if outcome.cancelled():
                return
            try:
                result = work(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                loop.call_soon_threadsafe(_fail, outcome, error)
            else:
                loop.call_soon_threadsafe(_settle, outcome, result)

        self._enqueue(tenant, carry_out)
        try:
            return await outcome
        except asyncio.CancelledError:
            self._withdraw(tenant, carry_out)
            raise

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As concurrent.futures has it: the daemon's own work."""
        return self.submit_for(OWN_WORK, work, *args, **kwargs)

    def submit_for(self, tenant: Hashable, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError once shut down."""
        future: Future[T] = Future()

        def carry_out() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                future.set_exception(error)
            else:
                future.set_result(result)

        self._enqueue(tenant, carry_out)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, finish what is queued. `cancel_futures` is not served: nobody here may lose a write.
        Repeatable."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if not self._queues:
                    self._end_threads()
        if wait:
            for thread in self._threads:
                thread.join()

    def _enqueue(self, tenant: Hashable, work: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            queue = self._queues.get(tenant)
            if queue is None:
                self._queues[tenant] = queue = deque()
            queue.append(work)
        self._chances.put(True)

    def _withdraw(self, tenant: Hashable, work: Callable[[], None]) -> None:
        """Take work out of the queue, unless it has begun."""
        with self._lock:
            queue = self._queues.get(tenant)
            if queue is None or work not in queue:
                return
            queue.remove(work)
            self._withdrawn += 1
            if not queue:
                del self._queues[tenant]
                if self._closed and not self._queues:
                    self._end_threads()

    def _work(self) -> None:
        while self._chances.get():
            turn = self._next()
            if turn is None:
                continue
            tenant, carry_out = turn
            try:
                carry_out()
            finally:
                del carry_out, turn
                self._finished(tenant)

    def _next(self) -> tuple[Hashable, Callable[[], None]] | None:
        """The work whose turn it is. None where every tenant that waits has its threads."""
        with self._lock:
            for tenant, queue in self._queues.items():
                busy = self._busy.get(tenant, 0)
                if busy < (1 if isinstance(tenant, InOrder) else self._per_tenant):
                    work = queue.popleft()
                    del self._queues[tenant]
                    if queue:
                        self._queues[tenant] = queue  # behind all others
                    self._busy[tenant] = busy + 1
                    return tenant, work
            if self._withdrawn:
                self._withdrawn -= 1
            else:
                self._passed_over += 1
            return None

    def _finished(self, tenant: Hashable) -> None:
        with self._lock:
            left = self._busy[tenant] - 1
            if left:
                self._busy[tenant] = left
            else:
                del self._busy[tenant]
            if self._passed_over and tenant in self._queues:
                self._passed_over -= 1
                self._chances.put(True)
            if self._closed and not self._queues:
                self._end_threads()

    def _end_threads(self) -> None:
        for _ in self._threads:
            self._chances.put(False)


def _settle(outcome: "asyncio.Future[T]", result: T) -> None:
    if not outcome.done():  # else whoever waited has given up
        outcome.set_result(result)


def _fail(outcome: "asyncio.Future[T]", error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error)
