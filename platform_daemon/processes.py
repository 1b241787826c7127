"""The daemon's child processes: started for the pool and for training, and shown to the device's owner."""

from collections.abc import Callable, Iterable, Sequence

from context import Clock
from insitu.v1.control_pb2 import ProcessStatus
from platform_daemon.children.spawn import Spawner, Trainer, Worker
from platform_daemon.metrics.instruments import Counter, Family
from platform_daemon.prediction.pool import WorkerPool
from platform_daemon.prediction.worker import WorkerGone
from platform_daemon.training.run import TrainerGone


class ProcessTable:
    """Starts children and remembers what they said about their protections."""

    def __init__(self, spawner: Spawner, clock: Clock, missing: Sequence[str]) -> None:
        """`missing` are the protections that the primary itself lacks."""
        self._spawner = spawner
        self._clock = clock
        self._missing = {f"primary: {what}": None for what in missing}
        self._trainer: Trainer | None = None
        self._trainer_started_ms = 0
        self._trainers = 0
        self._started = Counter("insitu_processes_started_total", "Child processes that were started.", ("role",))

    async def worker(self) -> Worker:
        """Raises WorkerGone."""
        worker = await self._spawner.worker(gone=WorkerGone)
        self._note("worker", worker.missing_protections)
        return worker

    async def trainer(self) -> Trainer:
        """Raises TrainerGone."""
        trainer = await self._spawner.trainer(gone=TrainerGone)
        self._note("trainer", trainer.missing_protections)
        self._trainer, self._trainer_started_ms = trainer, self._clock.now_ms()
        self._trainers += 1
        return trainer

    def missing_protections(self) -> list[str]:
        """What this machine does not offer, by process; children are known once one has started."""
        return list(self._missing)

    def statuses(self, pool: WorkerPool, package_of: Callable[[str], str]) -> list[ProcessStatus]:
        """The children that live now. `package_of` names the package of a worker's group."""
        found = [
            ProcessStatus(
                role="worker",
                pid=slot.worker.pid,
                package=package_of(slot.group),
                started_ms=slot.started_ms,
                restarts=slot.restarts,
            )
            for slot in pool.slots
            if slot.worker is not None and slot.worker.alive
        ]
        trainer = self._trainer
        if trainer is not None and trainer.returncode is None:
            started_ms, restarts = self._trainer_started_ms, self._trainers - 1
            found.append(ProcessStatus(role="trainer", pid=trainer.pid, started_ms=started_ms, restarts=restarts))
        return found

    def families(self) -> Iterable[Family]:
        """What was started since the daemon was."""
        yield self._started.family()

    def _note(self, role: str, missing: Sequence[str]) -> None:
        self._started.add(role)
        self._missing.update({f"{role}: {what}": None for what in missing})
