"""Workers by group: started on demand, replaced when they die, backed off when they keep dying."""

import asyncio
import socket
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from context.clock import ManualClock
from insitu.v1.worker_pb2 import ModelOutputs, RunModel, WorkerCommand, WorkerReply
from platform_daemon.children.channel import ChildChannel
from platform_daemon.children.framing import BlockingChannel
from platform_daemon.errors import DaemonError, DeadlineExceeded, InvalidArgument, Unavailable
from platform_daemon.prediction.pool import IDLE_S, MODELS_PER_WORKER, ModelKey, ModelSource, WorkerPool
from platform_daemon.prediction.worker import Worker, as_daemon_error
from tests.prediction.simulator import Workers


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.workers = Workers()
        self.pool = WorkerPool(self.workers.spawn, self.clock)
        self.reads = 0

    def source(self, name: str = "a", parameters: str = "") -> ModelSource:
        def read() -> tuple[bytes, bytes]:
            self.reads += 1
            return name.encode(), parameters.encode()

        return ModelSource(ModelKey(name, parameters), name, "1.0.0", 0, read)

    async def run(self, group: str = "app 1", name: str = "a", timeout_s: float = 5.0) -> None:
        worker, model = await self.pool.host(group, self.source(name))
        await worker.call(WorkerCommand(run=RunModel(model_key=model.number)), timeout_s)


def on_bench(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        bench = Bench()
        await test(bench)
        await bench.pool.close()
        assert all(worker.ended for worker in bench.workers.all)

    asyncio.run(run())


def test_a_model_is_loaded_once() -> None:
    async def test(bench: Bench) -> None:
        await asyncio.gather(*(bench.run() for _ in range(20)))
        (worker,) = bench.workers.all
        assert worker.commands.count("load") == 1
        assert bench.reads == 1

    on_bench(test)


def test_groups_have_workers_of_their_own() -> None:
    async def test(bench: Bench) -> None:
        await bench.run("app 1")
        await bench.run("app 2")
        first, second = bench.workers.all
        first.kill()
        await asyncio.sleep(0)
        await bench.run("app 2")
        assert len(bench.workers.all) == 2
        assert not second.ended

    on_bench(test)


def test_a_dead_worker_is_replaced_and_loads_again() -> None:
    async def test(bench: Bench) -> None:
        await bench.run()
        bench.workers.all[0].kill()
        await asyncio.sleep(0.01)
        await bench.run()
        assert len(bench.workers.all) == 2
        assert bench.pool.slots[0].restarts == 1

    on_bench(test)


def test_one_that_keeps_dying_is_backed_off_and_forgiven() -> None:
    async def test(bench: Bench) -> None:
        bench.workers.next_dies_at_load = True
        outcomes = []
        for _ in range(6):
            with pytest.raises(Unavailable) as caught:
                await bench.run()
            outcomes.append(caught.value.reason)
            await asyncio.sleep(0.01)
        assert "WORKER_BACKOFF" in outcomes
        assert len(bench.workers.all) < 6
        bench.workers.next_dies_at_load = False
        bench.clock.advance(60)
        await bench.run()

    on_bench(test)


def test_a_hanging_graph_is_ended_with_its_worker() -> None:
    async def test(bench: Bench) -> None:
        await bench.run()
        bench.workers.all[0].hangs = True
        with pytest.raises(DeadlineExceeded):
            await bench.run(timeout_s=0.01)
        await asyncio.sleep(0.01)
        assert bench.workers.all[0].ended
        await bench.run()

    on_bench(test)


def test_calls_under_way_learn_of_the_death() -> None:
    async def test(bench: Bench) -> None:
        await bench.run()
        bench.workers.all[0].hangs = True
        calls = [asyncio.ensure_future(bench.run()) for _ in range(5)]
        await asyncio.sleep(0.01)
        bench.workers.all[0].kill()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)

    on_bench(test)


def test_a_rejected_model_fails_alone() -> None:
    async def test(bench: Bench) -> None:
        await bench.run(name="good")
        with pytest.raises(InvalidArgument, match="broken") as caught:
            await bench.run(name="broken")
        assert caught.value.reason == "GRAPH_REJECTED"
        await bench.run(name="good")
        assert len(bench.workers.all) == 1

    on_bench(test)


def test_the_least_recently_used_model_makes_room() -> None:
    async def test(bench: Bench) -> None:
        for number in range(MODELS_PER_WORKER + 3):
            bench.clock.advance(1)
            await bench.run(name=f"m{number}")
            bench.clock.advance(1)
            await bench.run(name="m0")
        (worker,) = bench.workers.all
        loaded = {plan for plan, _ in worker.loaded.values()}
        assert len(loaded) == MODELS_PER_WORKER
        assert b"m0" in loaded
        assert b"m1" not in loaded

    on_bench(test)


def test_unloading_by_key() -> None:
    async def test(bench: Bench) -> None:
        for parameters in ("x@1", "x@2", "y@1"):
            await bench.pool.host("app 1", bench.source("a", parameters))
        await bench.pool.unload("app 1", lambda key: key.parameters.startswith("x@"))
        assert bench.pool.hosted("app 1") == [ModelKey("a", "y@1")]
        assert len(bench.workers.all[0].loaded) == 1

    on_bench(test)


def test_a_closed_pool_starts_nothing() -> None:
    async def test(bench: Bench) -> None:
        await bench.pool.close()
        with pytest.raises(Unavailable):
            await bench.run()
        assert bench.workers.all == []

    on_bench(test)


def test_a_childs_word_is_not_trusted() -> None:
    assert as_daemon_error("INVALID_ARGUMENT", "X", "m").reason == "X"
    error = as_daemon_error("MADE_UP", "", "m")
    assert isinstance(error, DaemonError)
    assert error.status == "INTERNAL"


def test_late_replies_go_nowhere() -> None:
    async def run() -> None:
        workers = Workers()
        process = await workers.spawn()
        worker = Worker(process, lambda: None)
        process.hangs = True
        with pytest.raises(DeadlineExceeded):
            await worker.call(WorkerCommand(run=RunModel()), 0.01)
        await worker.end()
        with pytest.raises(Unavailable):
            await worker.call(WorkerCommand(run=RunModel()), 1.0)

    asyncio.run(run())


def test_idle_workers_end_and_come_back() -> None:
    async def test(bench: Bench) -> None:
        await bench.run("app 1")
        bench.clock.advance(IDLE_S - 1)
        await bench.run("app 2")
        await bench.pool.end_idle()
        assert [worker.ended for worker in bench.workers.all] == [False, False]
        bench.clock.advance(2)
        await bench.pool.end_idle()
        assert [worker.ended for worker in bench.workers.all] == [True, False]
        await bench.run("app 1")
        assert len(bench.workers.all) == 3

    on_bench(test)


def test_a_worker_with_a_call_under_way_is_not_idle() -> None:
    async def test(bench: Bench) -> None:
        await bench.run()
        bench.workers.all[0].hangs = True
        call = asyncio.ensure_future(bench.run(timeout_s=5))
        await asyncio.sleep(0.01)
        bench.clock.advance(10 * IDLE_S)
        await bench.pool.end_idle()
        assert not bench.workers.all[0].ended
        bench.workers.all[0].kill()
        with pytest.raises(Unavailable):
            await call

    on_bench(test)


class UnreadingProcess:
    """Over a real channel whose other end reads when the test does."""

    pid = 1

    def __init__(self, channel: ChildChannel) -> None:
        self._channel = channel

    async def send(self, command: WorkerCommand) -> None:
        await self._channel.send(command.SerializeToString())

    def deliver(self, on_reply: Callable[[WorkerReply], None], on_gone: Callable[[Exception], None]) -> None:
        self._channel.deliver(lambda frame: on_reply(WorkerReply.FromString(frame)), lambda why: on_gone(OSError(why)))

    async def end(self) -> None:
        self._channel.close()


def test_calls_that_are_cancelled_before_they_are_sent_leave_nothing() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        other_end = BlockingChannel(theirs)

        def read() -> bytes:
            return other_end.receive() or b""

        worker = Worker(UnreadingProcess(await ChildChannel.open(ours)), lambda: None)
        tracemalloc.start()
        for _ in range(50):
            call = asyncio.ensure_future(worker.call(WorkerCommand(run=RunModel(rows=bytes(1 << 20))), 25.0))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        del call
        held_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held_bytes < 5 << 20
        kept = asyncio.ensure_future(worker.call(WorkerCommand(run=RunModel(rows=b"kept")), 25.0))
        rows = b""
        while rows != b"kept":
            command = WorkerCommand.FromString(await asyncio.to_thread(read))
            other_end.send(WorkerReply(id=command.id, outputs=ModelOutputs()).SerializeToString())
            rows = command.run.rows
        assert (await kept).id == command.id
        assert not worker.busy
        await worker.end()
        theirs.close()

    asyncio.run(run())
