"""What a worker says, as the primary sees it: bytes of a process that runs hostile graphs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError

from insitu.v1.example_pb2 import Tensor
from insitu.v1.prediction_pb2 import RankedCandidate
from insitu.v1.worker_pb2 import ChildError, ModelOutputs, ModelRanking, RunModel, WorkerCommand, WorkerReply
from platform_daemon.children.channel import ChildChannel
from platform_daemon.children.framing import HEADER
from platform_daemon.errors import DaemonError
from platform_daemon.prediction.worker import Worker, WorkerGone
from tests.fuzz.target import FuzzTarget

MOST_BYTES = 1 << 16


class SayingWorker:
    """Answers the first command with given bytes, frames or not, then ends."""

    pid = 1

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._channel = ChildChannel(MOST_BYTES)

    async def send(self, command: WorkerCommand) -> None:
        self._channel.data_received(self._says)
        self._channel.connection_lost(None)

    def deliver(self, on_reply: Callable[[WorkerReply], None], on_gone: Callable[[Exception], None]) -> None:
        def on_frame(frame: bytes) -> None:
            try:
                reply = WorkerReply.FromString(frame)
            except DecodeError as error:
                on_gone(WorkerGone(str(error)))
            else:
                on_reply(reply)

        self._channel.deliver(on_frame, lambda why: on_gone(WorkerGone(why)))

    async def end(self) -> None:
        self._channel.close()


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
            await asyncio.sleep(0)
            assert gone == [1]
            assert not worker.alive

    seeds = [
        WorkerReply(id=1, outputs=ModelOutputs(outputs=[Tensor(name="y", shape=[1])])),
        WorkerReply(id=1, ranking=ModelRanking(ranking=[RankedCandidate(index=1, score=1.0)])),
        WorkerReply(id=1, error=ChildError(status="INVALID_ARGUMENT", reason="BAD", message="bad")),
        WorkerReply(id=1, error=ChildError(status="no such status")),
        WorkerReply(id=2),
    ]
    serialized = [HEADER.pack(one.ByteSize()) + one.SerializeToString() for one in seeds]
    serialized.append(serialized[4] + serialized[0])
    return FuzzTarget(lambda data: loop.run_until_complete(ask(data)), (DaemonError,), serialized)
