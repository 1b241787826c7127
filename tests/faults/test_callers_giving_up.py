"""Callers come and go at any moment; the worker that they share serves the others, and is watched all the same."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from context.clock import ManualClock
from insitu.v1.worker_pb2 import RunModel, WorkerCommand
from platform_daemon.errors import DeadlineExceeded, Unavailable
from platform_daemon.prediction.pool import ModelKey, ModelSource, WorkerPool
from platform_daemon.prediction.worker import Worker, WorkerGone
from tests.prediction.simulator import SimulatedWorker, Workers

SOURCE = ModelSource(ModelKey("a", ""), "a", "1.0.0", 0, lambda: (b"plan", b""))
RUN = RunModel(model_key=1)


class SlowWorkers(Workers):
    """Start when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_start = asyncio.Event()
        self.refused = False

    async def spawn(self) -> SimulatedWorker:
        await self.may_start.wait()
        if self.refused:
            raise WorkerGone("no process to be had")
        return await super().spawn()


def with_pool(test: Callable[[WorkerPool, SlowWorkers], Awaitable[None]]) -> None:
    async def run() -> None:
        workers = SlowWorkers()
        await test(WorkerPool(workers.spawn, ManualClock()), workers)

    asyncio.run(run())


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_whoever_came_first_may_give_up_and_the_others_are_served() -> None:
    async def test(pool: WorkerPool, workers: SlowWorkers) -> None:
        first, second = (asyncio.ensure_future(pool.host("app 1", SOURCE)) for _ in range(2))
        await turns()
        first.cancel()
        workers.may_start.set()
        await second
        assert first.cancelled()
        assert len(workers.all) == 1
        assert workers.all[0].commands == ["load"]

    with_pool(test)


def test_whoever_waits_for_a_model_may_give_up_and_it_is_loaded() -> None:
    async def test(pool: WorkerPool, workers: SlowWorkers) -> None:
        workers.may_start.set()
        first, second = (asyncio.ensure_future(pool.host("app 1", SOURCE)) for _ in range(2))
        while not workers.all:
            await turns(1)
        first.cancel()
        worker, model = await second
        assert model.loaded.done()
        await worker.call(WorkerCommand(run=RUN), 5.0)

    with_pool(test)


def test_a_graph_that_hangs_is_ended_even_where_its_caller_has_left() -> None:
    async def run() -> None:
        gone, process = asyncio.Event(), SimulatedWorker()
        process.hangs = True
        worker = Worker(process, gone.set)
        caller = asyncio.ensure_future(worker.call(WorkerCommand(run=RUN), 0.02))
        await turns()
        caller.cancel()
        await asyncio.wait_for(gone.wait(), 5)
        await turns()
        assert process.ended
        assert not worker.alive

    asyncio.run(run())


def test_time_runs_for_the_call_whose_turn_it_is() -> None:
    async def run() -> None:
        gone, process = asyncio.Event(), SimulatedWorker()
        process.hangs = True
        worker = Worker(process, gone.set)
        calls = [asyncio.ensure_future(worker.call(WorkerCommand(run=RUN), timeout)) for timeout in (0.03, 0.001)]
        with pytest.raises(DeadlineExceeded, match=r"0\.03"):
            await calls[0]
        with pytest.raises(Unavailable):
            await calls[1]
        assert gone.is_set()

    asyncio.run(run())


def test_a_worker_that_starts_after_its_app_was_forgotten_is_ended() -> None:
    async def test(pool: WorkerPool, workers: SlowWorkers) -> None:
        caller = asyncio.ensure_future(pool.host("app 1", SOURCE))
        await turns()
        await pool.end("app 1")
        workers.may_start.set()
        with pytest.raises(Unavailable):
            await caller
        assert [process.ended for process in workers.all] == [True]

    with_pool(test)


def test_a_worker_that_does_not_start_is_unavailable_and_backed_off() -> None:
    async def test(pool: WorkerPool, workers: SlowWorkers) -> None:
        workers.refused = True
        workers.may_start.set()
        reasons = []
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await pool.host("app 1", SOURCE)
            reasons.append(caught.value.reason)
        assert reasons == ["WORKER_GONE", "WORKER_GONE", "WORKER_BACKOFF"]

    with_pool(test)
