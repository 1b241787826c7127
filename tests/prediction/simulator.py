"""A worker process in memory: answers commands as the real one does, dies and hangs when told to."""

import asyncio
import itertools

from insitu.v1.worker_pb2 import (
    ChildError,
    ModelLoaded,
    ModelOutputs,
    ModelScores,
    ModelUnloaded,
    WorkerCommand,
    WorkerReply,
)
from platform_daemon.prediction.worker import WorkerGone

_PIDS = itertools.count(1000)


class SimulatedWorker:
    def __init__(self) -> None:
        self.pid = next(_PIDS)
        self.loaded: dict[int, tuple[bytes, bytes]] = {}
        self.commands: list[str] = []
        self.hangs = False
        self.dies_at_load = False
        self.ended = False
        self._replies: asyncio.Queue[WorkerReply | None] = asyncio.Queue()

    async def send(self, command: WorkerCommand) -> None:
        if self.ended:
            raise WorkerGone("ended")
        kind = command.WhichOneof("command")
        self.commands.append(kind)
        if self.dies_at_load and kind == "load":
            self.kill()
        elif not self.hangs:
            self._replies.put_nowait(self._answer(command, kind))

    async def receive(self) -> WorkerReply:
        reply = await self._replies.get()
        if reply is None:
            raise WorkerGone("killed")
        return reply

    async def end(self) -> None:
        self.kill()

    def kill(self) -> None:
        if not self.ended:
            self.ended = True
            self._replies.put_nowait(None)

    def _answer(self, command: WorkerCommand, kind: str) -> WorkerReply:
        if kind == "load":
            if command.load.plan == b"broken":
                error = ChildError(status="INVALID_ARGUMENT", reason="GRAPH_REJECTED", message="it is broken")
                return WorkerReply(id=command.id, error=error)
            self.loaded[command.load.model_key] = (command.load.plan, command.load.parameters)
            return WorkerReply(id=command.id, loaded=ModelLoaded())
        if kind == "unload":
            del self.loaded[command.unload.model_key]
            return WorkerReply(id=command.id, unloaded=ModelUnloaded())
        if command.run.model_key not in self.loaded:
            error = ChildError(status="FAILED_PRECONDITION", reason="MODEL_NOT_LOADED", message="not loaded")
            return WorkerReply(id=command.id, error=error)
        if command.run.score_output:
            return WorkerReply(id=command.id, scores=ModelScores(scores=range(len(command.run.examples))))
        return WorkerReply(id=command.id, outputs=ModelOutputs())


class Workers:
    """Spawns simulated workers and remembers them."""

    def __init__(self) -> None:
        self.all: list[SimulatedWorker] = []
        self.next_dies_at_load = False

    async def spawn(self) -> SimulatedWorker:
        worker = SimulatedWorker()
        worker.dies_at_load = self.next_dies_at_load
        self.all.append(worker)
        return worker
