"""Threads for work that blocks, shared fairly: tenants are served in turn, however much each of them asks for."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

OWN_WORK = 0
"""The tenant of what the daemon does for itself."""


class FairThreads(Executor):
    """A queue for each tenant, and threads that go round them.

    A tenant has at most `per_tenant` threads at once, so that with more threads than that there is always one for
    the next who comes. Queues are bounded by the calls that a tenant may have under way, not here.
    """

    def __init__(self, threads: int, name: str, *, per_tenant: int) -> None:
        self._per_tenant = per_tenant
        self._changed = threading.Condition()
        self._queues: dict[Hashable, deque[Callable[[], None]]] = {}
        """Of tenants that wait for a thread, the one whose turn is next first."""
        self._busy: dict[Hashable, int] = {}
        """Threads at work, by tenant."""
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, tenant: Hashable, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work` on a thread when the tenant's turn comes. One that is cancelled before does not begin."""
        return await asyncio.wrap_future(self.submit_for(tenant, work, *args, **kwargs))

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

        with self._changed:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            self._queues.setdefault(tenant, deque()).append(carry_out)
            self._changed.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, finish what is queued. `cancel_futures` is not served: nobody here may lose a write."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            tenant, carry_out = turn
            try:
                carry_out()
            finally:
                del carry_out
                self._finished(tenant)

    def _next(self) -> tuple[Hashable, Callable[[], None]] | None:
        """The work whose turn it is; blocks while there is none. None at the end."""
        with self._changed:
            while True:
                for tenant, queue in self._queues.items():
                    if self._busy.get(tenant, 0) < self._per_tenant:
                        return tenant, self._take(tenant, queue)
                if self._closed and not self._queues:
                    return None
                self._changed.wait()

    def _take(self, tenant: Hashable, queue: deque[Callable[[], None]]) -> Callable[[], None]:
        work = queue.popleft()
        del self._queues[tenant]
        if queue:
            self._queues[tenant] = queue  # behind all others
        self._busy[tenant] = self._busy.get(tenant, 0) + 1
        return work

    def _finished(self, tenant: Hashable) -> None:
        with self._changed:
            left = self._busy[tenant] - 1
            if left:
                self._busy[tenant] = left
            else:
                del self._busy[tenant]
            if self._closed:
                self._changed.notify_all()
            elif tenant in self._queues:
                self._changed.notify()
