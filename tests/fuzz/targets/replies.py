"""What a worker says, as the primary sees it: bytes of a process that runs hostile graphs."""

import asyncio
from pathlib import Path

from google.protobuf.message import DecodeError

from insitu.v1.example_pb2 import Tensor
from insitu.v1.worker_pb2 import ChildError, ModelOutputs, ModelScores, RunModel, WorkerCommand, WorkerReply
from platform_daemon.errors import DaemonError
from platform_daemon.prediction.worker import Worker, WorkerGone
from tests.fuzz.target import FuzzTarget


class SayingWorker:
    """Answers the first command with given bytes, then ends."""

    pid = 1

    def __init__(self, says: bytes) -> None:
        self._says = [says]
        self._asked = asyncio.Event()

    async def send(self, command: WorkerCommand) -> None:
        self._asked.set()

    async def receive(self) -> WorkerReply:
        await self._asked.wait()
        if not self._says:
            raise WorkerGone("it ended")
        try:
            return WorkerReply.FromString(self._says.pop())
        except DecodeError as error:
            raise WorkerGone(str(error)) from error

    async def end(self) -> None:
        self._says.clear()


def target(folder: Path) -> FuzzTarget:
    loop = asyncio.new_event_loop()

    async def ask(data: bytes) -> None:
        gone: list[int] = []
        worker = Worker(SayingWorker(data), lambda: gone.append(1))
        try:
            reply = await worker.call(WorkerCommand(run=RunModel(model_key=1)), 5.0)
            assert reply.id == 1
        finally:
            await worker.end()
            assert len(gone) <= 1

    seeds = [
        WorkerReply(id=1, outputs=ModelOutputs(outputs=[Tensor(name="y", shape=[1])])),
        WorkerReply(id=1, scores=ModelScores(scores=[1.0])),
        WorkerReply(id=1, error=ChildError(status="INVALID_ARGUMENT", reason="BAD", message="bad")),
        WorkerReply(id=1, error=ChildError(status="no such status")),
        WorkerReply(id=2),
    ]
    serialized = [one.SerializeToString() for one in seeds]
    return FuzzTarget(lambda data: loop.run_until_complete(ask(data)), (DaemonError,), serialized)
