"""The real processes: confined, killable at any moment, gone with their primary."""

import asyncio
import os
import signal
import stat
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from insitu.v1.trainer_pb2 import BeginTraining, Checkpoint, StartRun, SuspendRun, TrainerCommand, TrainerReport
from insitu.v1.worker_pb2 import LoadModel, RunModel, WorkerCommand, WorkerReply
from platform_daemon.children.spawn import ChildGone, Spawner, Trainer, Worker
from tests.children.plans import chunk, example, inference_plan, training_plan
from tests.children.plans import rows as encoded
from tests.engines.graphs import endless_flatbuffer

PREDICT = WorkerCommand(id=2, run=RunModel(model_key=1, rows=encoded([example([1.0, 2.0, 3.0, 4.0])])))


def load(engine: str, graph: bytes = b"") -> WorkerCommand:
    plan = inference_plan(engine)
    plan.graph.inline = graph or plan.graph.inline
    return WorkerCommand(id=1, load=LoadModel(model_key=1, plan=plan.SerializeToString()))


async def ask(worker: Worker, command: WorkerCommand) -> WorkerReply:
    await worker.send(command)
    return await worker.receive()


def with_worker(scenario: Callable[[Worker], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        worker = await Spawner().worker(**options)
        try:
            await scenario(worker)
        finally:
            await worker.end()
            assert worker.returncode is not None
            await worker.end()

    asyncio.run(run())


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_predicts(engine: str) -> None:
    async def scenario(worker: Worker) -> None:
        assert (await ask(worker, load(engine))).WhichOneof("reply") == "loaded"
        outputs = (await ask(worker, PREDICT)).outputs.outputs
        assert [tensor.name for tensor in outputs] == ["probabilities", "score"]

    with_worker(scenario)


def check_confinement(pid: int) -> None:
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    mapped = (process / "maps").read_text()
    assert "litert" in mapped
    assert not any(name in mapped for name in ("cygrpc", "plyvel", "cryptography", "tensorflow/"))
    descriptors = [os.readlink(path) for path in (process / "fd").iterdir()]
    assert sum(target.startswith("socket:") for target in descriptors) == 1


def test_is_confined() -> None:
    async def scenario(worker: Worker) -> None:
        await ask(worker, load("litert"))
        assert worker.missing_protections == ()
        check_confinement(worker.pid)

    with_worker(scenario)


def test_leaves_no_scratch_behind(tmp_path: Path) -> None:
    async def run() -> list[str]:
        worker = await Spawner(scratch_root=os.fspath(tmp_path)).worker()
        await ask(worker, load("tensorflow"))
        left = [folder for folder, _, _ in os.walk(tmp_path) if "graph" in folder]
        await worker.end()
        return left

    assert asyncio.run(run()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_a_corrupt_graph_is_an_error_or_the_end_of_its_worker_alone(engine: str) -> None:
    async def scenario(worker: Worker) -> None:
        graph = bytearray(inference_plan(engine).graph.inline)
        middle = len(graph) // 2
        graph[middle : middle + 400] = b"\xa5" * 400
        try:
            reply = await ask(worker, load(engine, bytes(graph)))
        except ChildGone:
            assert await worker.wait() < 0
        else:
            assert reply.error.reason in {"GRAPH_REJECTED", "ENGINE"}

    with_worker(scenario)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_seen_at_once(number: signal.Signals) -> None:
    async def scenario(worker: Worker) -> None:
        os.kill(worker.pid, number)
        with pytest.raises(ChildGone):
            await worker.receive()
        assert await worker.wait() == -number
        with pytest.raises(ChildGone):
            await worker.send(PREDICT)

    with_worker(scenario)


def test_a_graph_that_never_returns_holds_up_no_other_thread_and_can_be_killed() -> None:
    async def scenario(worker: Worker) -> None:
        await ask(worker, load("litert"))
        hanging = load("litert", endless_flatbuffer())
        hanging.load.model_key = 9
        await worker.send(hanging)
        assert (await ask(worker, PREDICT)).id == 2
        worker.kill()
        assert await worker.wait() == -signal.SIGKILL

    with_worker(scenario, threads=2)


def test_ends_with_its_primary_even_inside_an_endless_graph() -> None:
    async def scenario(worker: Worker) -> None:
        await worker.send(load("litert", endless_flatbuffer()))
        worker.close_channel()
        assert await asyncio.wait_for(worker.wait(), 30) == 0

    with_worker(scenario)


def test_a_process_with_another_secret_is_refused(tmp_path: Path) -> None:
    impostor = tmp_path / "impostor"
    impostor.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent(
            """
            import socket, sys
            from insitu.v1.worker_pb2 import ChildHello
            from platform_daemon.children.framing import BlockingChannel
            channel = BlockingChannel(socket.socket(fileno=int(sys.argv[4])))
            secret = channel.read_exactly(32)
            channel.send(ChildHello(secret=secret[:-1] + b"?").SerializeToString())
            channel.receive()
            """
        )
    )
    impostor.chmod(impostor.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(ChildGone, match="secret"):
        asyncio.run(Spawner(python=os.fspath(impostor)).worker())


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/no/such/program"])
def test_a_child_that_does_not_start_is_reported(program: str) -> None:
    with pytest.raises(ChildGone, match="start"):
        asyncio.run(Spawner(python=program, start_timeout_s=0.5).trainer())


class Run:
    """Drives real trainers through one run, by LiteRT."""

    def __init__(self) -> None:
        self._plan = training_plan("litert", epochs=60, checkpoint_steps=25)
        self.checkpoint: Checkpoint | None = None

    async def begin(self) -> Trainer:
        trainer = await Spawner().trainer()
        start = StartRun(plan=self._plan.SerializeToString(), checkpoint=self.checkpoint)
        await trainer.send(TrainerCommand(start=start))
        await trainer.send(TrainerCommand(examples=chunk(500)))
        await trainer.send(TrainerCommand(begin=BeginTraining()))
        return trainer

    async def until(self, trainer: Trainer, *wanted: str) -> TrainerReport:
        while True:
            report = await trainer.receive()
            if report.HasField("checkpoint"):
                self.checkpoint = report.checkpoint
            if report.WhichOneof("report") in wanted:
                return report

    async def finish(self) -> bytes:
        trainer = await self.begin()
        finished = (await self.until(trainer, "finished")).finished
        await trainer.end()
        assert finished.steps == 60 * 50
        assert finished.accepted
        return finished.parameters


def test_killed_and_suspended_again_and_again_a_run_ends_the_same() -> None:
    async def scenario() -> None:
        expected = await Run().finish()
        run = Run()
        steps = []
        for turn in range(6):
            trainer = await run.begin()
            if turn % 2:
                await run.until(trainer, "ready")
                await trainer.send(TrainerCommand(suspend=SuspendRun()))
                await run.until(trainer, "suspended")
            else:
                for _ in range(turn + 1):
                    await run.until(trainer, "checkpoint")
                trainer.kill()
                assert await trainer.wait() == -signal.SIGKILL
            await trainer.end()
            assert run.checkpoint is not None
            steps.append(run.checkpoint.step)
        assert steps == sorted(steps)
        assert steps[-1] < 60 * 50
        assert await run.finish() == expected

    asyncio.run(scenario())


def test_the_trainer_is_idle_priority() -> None:
    async def scenario() -> None:
        trainer = await Spawner().trainer()
        assert os.sched_getscheduler(trainer.pid) == os.SCHED_IDLE
        assert os.getpriority(os.PRIO_PROCESS, trainer.pid) == 19
        await trainer.end()

    asyncio.run(scenario())
