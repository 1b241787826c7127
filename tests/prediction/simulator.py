"""A worker process in memory: answers commands as the real one does, dies and hangs when told to."""

import asyncio
import itertools
from collections.abc import Callable

from insitu.v1.prediction_pb2 import RankedCandidate, SerializedPredictRankRequest
from insitu.v1.worker_pb2 import (
    ChildError,
    ModelLoaded,
    ModelOutputs,
    ModelRanking,
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
        self._on_reply: Callable[[WorkerReply], None] | None = None
        self._on_gone: Callable[[Exception], None] | None = None

    async def send(self, command: WorkerCommand) -> None:
        if self.ended:
            raise WorkerGone("ended")
        kind = command.WhichOneof("command")
        self.commands.append(kind)
        if self.dies_at_load and kind == "load":
            self.kill()
        elif not self.hangs:
            assert self._on_reply is not None
            asyncio.get_running_loop().call_soon(self._on_reply, self._answer(command, kind))

    def deliver(self, on_reply: Callable[[WorkerReply], None], on_gone: Callable[[Exception], None]) -> None:
        self._on_reply, self._on_gone = on_reply, on_gone

    async def end(self) -> None:
        self.kill()

    def kill(self) -> None:
        if not self.ended:
            self.ended = True
            if self._on_gone is not None:
                asyncio.get_running_loop().call_soon(self._on_gone, WorkerGone("killed"))

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
            count = len(SerializedPredictRankRequest.FromString(command.run.rows).candidates)
            ranking = [RankedCandidate(index=index) for index in range(count)]
            return WorkerReply(id=command.id, ranking=ModelRanking(ranking=ranking))
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
