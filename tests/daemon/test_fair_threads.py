"""Threads that serve tenants in turn."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Hashable, Iterator

import pytest

from platform_daemon.fair_threads import FairThreads, InOrder


@pytest.fixture
def threads() -> Iterator[FairThreads]:
    started = FairThreads(2, "test", per_tenant=1)
    yield started
    started.shutdown()


class Gate:
    """Work that waits to be let through, and says that it has begun."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.begun.set()
        assert self.open.wait(10)


def test_results_and_errors_come_back(threads: FairThreads) -> None:
    async def run() -> None:
        assert await threads.run(1, divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(1, divmod, 7, 0)
        assert await asyncio.get_running_loop().run_in_executor(threads, len, "abc") == 3

    asyncio.run(run())


def test_a_tenant_with_much_to_do_leaves_a_thread_to_the_next(threads: FairThreads) -> None:
    gate = Gate()
    slow = [threads.submit_for(1, gate.pass_through) for _ in range(50)]
    assert gate.begun.wait(10)
    assert threads.submit_for(2, lambda: "served").result(10) == "served"
    assert sum(one.running() for one in slow) == 1
    gate.open.set()
    for one in slow:
        one.result(10)


def test_tenants_are_served_in_turn() -> None:
    order: list[int] = []
    gate = Gate()
    threads = FairThreads(1, "test", per_tenant=1)
    threads.submit_for(9, gate.pass_through)
    assert gate.begun.wait(10)
    for _ in range(3):
        threads.submit_for(1, order.append, 1)
    threads.submit_for(2, order.append, 2)
    threads.submit_for(3, order.append, 3)
    threads.submit_for(2, order.append, 2)
    gate.open.set()
    threads.shutdown()
    assert order == [1, 2, 3, 1, 2, 1]


def test_what_is_queued_is_done_before_the_end_and_nothing_after(threads: FairThreads) -> None:
    gate, done = Gate(), []
    threads.submit_for(1, gate.pass_through)
    last = [threads.submit_for(1, done.append, number) for number in range(10)]
    closing = threading.Thread(target=threads.shutdown)
    closing.start()
    gate.open.set()
    closing.join(10)
    assert not closing.is_alive()
    assert done == list(range(10))
    assert all(one.done() for one in last)
    with pytest.raises(RuntimeError):
        threads.submit(print)


def test_who_gives_up_in_the_queue_does_not_begin(threads: FairThreads) -> None:
    gate, done = Gate(), []
    threads.submit_for(1, gate.pass_through)
    given_up = threads.submit_for(1, done.append, "given up")
    assert given_up.cancel()
    gate.open.set()
    threads.submit_for(1, done.append, "kept").result(10)
    assert done == ["kept"]


class Load:
    """Stands for a request's bytes."""


@pytest.mark.parametrize("tenant", [1, InOrder(1)])
def test_who_is_cancelled_in_the_queue_leaves_nothing_there(threads: FairThreads, tenant: Hashable) -> None:
    async def run() -> None:
        gate, done = Gate(), []
        busy = asyncio.ensure_future(threads.run(tenant, gate.pass_through))
        await asyncio.to_thread(gate.begun.wait, 10)
        left = []
        for number in range(200):
            load = Load()
            left.append(weakref.ref(load))
            kept = asyncio.ensure_future(threads.run(tenant, done.append, number)) if number % 50 == 0 else None
            given_up = asyncio.ensure_future(threads.run(tenant, id, load))
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            del load, given_up, kept
        gc.collect()
        assert sum(one() is not None for one in left) <= 1  # the last traceback may know the last
        gate.open.set()
        await busy
        for number in range(200, 220):
            await asyncio.wait_for(threads.run(tenant, done.append, number), 10)
        assert done == [0, 50, 100, 150, *range(200, 220)]

    asyncio.run(run())


def test_threads_end_though_the_last_of_the_queue_was_cancelled() -> None:
    async def run() -> None:
        threads, gate = FairThreads(1, "test", per_tenant=1), Gate()
        busy = asyncio.ensure_future(threads.run(1, gate.pass_through))
        await asyncio.to_thread(gate.begun.wait, 10)
        last = asyncio.ensure_future(threads.run(1, print))
        await asyncio.sleep(0)
        threads.shutdown(wait=False)
        last.cancel()
        with pytest.raises(asyncio.CancelledError):
            await last
        gate.open.set()
        await busy
        await asyncio.wait_for(asyncio.to_thread(threads.shutdown), 10)

    asyncio.run(run())


def test_what_is_in_order_is_done_one_after_another() -> None:
    threads = FairThreads(4, "test", per_tenant=4)
    at_once, most, done = 0, 0, []

    def work(number: int) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        done.append(number)
        at_once -= 1

    for number in range(500):
        threads.submit_for(InOrder(1), work, number)
    threads.shutdown()
    assert done == list(range(500))
    assert most == 1


def test_all_work_of_many_tenants_is_done_whatever_their_caps() -> None:
    threads = FairThreads(4, "test", per_tenant=2)
    done: list[int] = []
    futures = [
        threads.submit_for(tenant if number % 2 else InOrder(tenant), done.append, number)
        for number in range(400)
        for tenant in (1, 2, 3)
    ]
    for future in futures:
        future.result(10)
    threads.shutdown()
    assert sorted(done) == sorted(number for number in range(400) for _ in range(3))


def test_shutting_down_again_changes_nothing(threads: FairThreads) -> None:
    threads.shutdown()
    threads.shutdown()
