"""Inference workers by group, and which models each has loaded.

A group shares a worker: the plans of one app. What a graph does to its process it does to its own group only.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from context.clock import Clock
from insitu.v1.worker_pb2 import LoadModel, UnloadModel, WorkerCommand
from platform_daemon.errors import DeadlineExceeded, Unavailable
from platform_daemon.prediction.worker import Worker, WorkerGone, WorkerProcess

MODELS_PER_WORKER = 32
LOAD_TIMEOUT_S = 25.0
"""For loading and the first run of a graph. Below what clients wait, so that they learn the reason."""
IDLE_S = 300.0
"""A worker that was not called for so long is ended."""
BACKOFF_S = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Pause before the n-th restart of a worker that keeps dying."""
CALM_S = 60.0
"""A worker that lives so long is forgiven its restarts."""


class ModelKey(NamedTuple):
    """What a loaded model is made of; digests never change their meaning."""

    plan_sha256: str
    parameters: str
    """"" for the base ones, otherwise "URI@DIGEST" or "sha256:DIGEST"."""


@dataclass(slots=True)
class HostedModel:
    number: int
    """The key that the worker knows it by."""
    loaded: "asyncio.Future[None]"
    plan_name: str
    plan_version: str
    parameters_version: int
    """0 for the base ones, and until parameters that were warmed up have their number."""
    last_used_s: float = 0.0
    predictions: int = 0


@dataclass(slots=True)
class WorkerSlot:
    """A group's place for a worker, alive or not."""

    group: str
    worker: Worker | None = None
    models: dict[ModelKey, HostedModel] = field(default_factory=dict)
    started_s: float = 0.0
    started_ms: int = 0
    restarts: int = 0
    deaths_in_a_row: int = 0
    not_before_s: float = 0.0
    starting: "asyncio.Task[Worker] | None" = None
    last_number: int = 0


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where the bytes of a model come from when it has to be loaded."""

    key: ModelKey
    plan_name: str
    plan_version: str
    parameters_version: int
    read: Callable[[], tuple[bytes, bytes]]
    """Plan and parameters; blocks. Raises DaemonError."""


class WorkerPool:
    def __init__(self, spawn: Callable[[], Awaitable[WorkerProcess]], clock: Clock) -> None:
        self._spawn = spawn
        self._clock = clock
        self._slots: dict[str, WorkerSlot] = {}
        self._closed = False

    @property
    def slots(self) -> list[WorkerSlot]:
        return list(self._slots.values())

    async def host(self, group: str, source: ModelSource) -> tuple[Worker, HostedModel]:
        """A live worker with the model loaded and warm. Raises DaemonError."""
        slot = self._slots.get(group) or self._slots.setdefault(group, WorkerSlot(group))
        worker = slot.worker
        if worker is None or not worker.alive:
            worker = await self._start(slot)
        model = slot.models.get(source.key) or self._begin_to_load(slot, worker, source)
        if not model.loaded.done():
            await asyncio.shield(model.loaded)
        model.last_used_s = self._clock.monotonic_s()
        model.parameters_version = source.parameters_version
        return worker, model

    def hosted(self, group: str) -> list[ModelKey]:
        """Keys of the models that a group has loaded."""
        slot = self._slots.get(group)
        return list(slot.models) if slot and slot.worker and slot.worker.alive else []

    async def unload(self, group: str, unwanted: Callable[[ModelKey], bool]) -> None:
        """Free the models that `unwanted` names. A model that serves a call at this moment answers it first."""
        slot = self._slots.get(group)
        if slot is None:
            return
        for key in [key for key in slot.models if unwanted(key)]:
            await self._unload(slot, key)

    async def end(self, group: str) -> None:
        """End a group's worker. The next call starts another."""
        slot = self._slots.pop(group, None)
        if slot is not None and slot.worker is not None:
            await slot.worker.end()

    async def end_idle(self) -> None:
        """End workers that nobody has called for a while: a device has more apps than it needs workers at once."""
        long_ago_s = self._clock.monotonic_s() - IDLE_S
        for slot in self.slots:
            worker = slot.worker
            used_s = max((model.last_used_s for model in slot.models.values()), default=slot.started_s)
            if worker is not None and worker.alive and not worker.busy and max(used_s, slot.started_s) < long_ago_s:
                await self.end(slot.group)

    async def close(self) -> None:
        """End all workers. Repeatable."""
        self._closed = True
        for group in list(self._slots):
            await self.end(group)

    async def _start(self, slot: WorkerSlot) -> Worker:
        """The slot's new worker: one for all who wait for it, whoever of them gives up. Raises DaemonError."""
        if slot.starting is None:
            now_s = self._clock.monotonic_s()
            if self._closed:
                raise Unavailable("the daemon is shutting down; try again", reason="SHUTTING_DOWN")
            wait_s = slot.not_before_s - now_s
            if wait_s > 0:
                raise Unavailable(
                    f"the inference worker died {slot.deaths_in_a_row} times in a row and restarts in"
                    f" {wait_s:.1f} s; the plan's graph may be at fault",
                    reason="WORKER_BACKOFF",
                    detail=f"{wait_s:.3f}",
                )
            slot.starting = asyncio.get_running_loop().create_task(self._spawn_for(slot), name=f"start {slot.group}")
            slot.starting.add_done_callback(lambda task: _started(slot, task))
        return await asyncio.shield(slot.starting)

    async def _spawn_for(self, slot: WorkerSlot) -> Worker:
        slot.models.clear()
        slot.started_s, slot.started_ms = self._clock.monotonic_s(), self._clock.now_ms()
        try:
            process = await self._spawn()
        except WorkerGone as gone:
            self._gone(slot)
            raise Unavailable(f"an inference worker did not start ({gone}); try again", reason="WORKER_GONE") from gone
        if self._slots.get(slot.group) is not slot:
            # Ended meanwhile. Nobody would ever end this one.
            await process.end()
            raise Unavailable("the inference worker restarts; try again", reason="WORKER_GONE")
        slot.worker = Worker(process, lambda: self._gone(slot))
        return slot.worker

    def _gone(self, slot: WorkerSlot) -> None:
        now_s = self._clock.monotonic_s()
        calm = now_s - slot.started_s > CALM_S
        slot.deaths_in_a_row = 1 if calm else slot.deaths_in_a_row + 1
        slot.restarts += 1
        slot.not_before_s = now_s + BACKOFF_S[min(slot.deaths_in_a_row, len(BACKOFF_S) - 1)]
        slot.models.clear()

    def _begin_to_load(self, slot: WorkerSlot, worker: Worker, source: ModelSource) -> HostedModel:
        """In a task of its own: several callers may wait for it, and each may give up."""
        slot.last_number += 1
        number = slot.last_number
        loaded = asyncio.get_running_loop().create_task(self._load(slot, worker, source, number))
        model = HostedModel(number, loaded, source.plan_name, source.plan_version, source.parameters_version)
        slot.models[source.key] = model

        def end(task: "asyncio.Task[None]") -> None:
            if (task.cancelled() or task.exception() is not None) and slot.models.get(source.key) is model:
                del slot.models[source.key]

        loaded.add_done_callback(end)
        return model

    async def _load(self, slot: WorkerSlot, worker: Worker, source: ModelSource, number: int) -> None:
        await self._make_room(slot)
        plan, parameters = await asyncio.to_thread(source.read)
        load = LoadModel(model_key=number, plan=plan, parameters=parameters)
        await worker.call(WorkerCommand(load=load), LOAD_TIMEOUT_S)

    async def _make_room(self, slot: WorkerSlot) -> None:
        while len(slot.models) > MODELS_PER_WORKER:
            idle = [key for key, model in slot.models.items() if model.loaded.done()]
            if not idle:
                raise Unavailable("all places for models are being loaded into; try again", reason="WORKER_FULL")
            await self._unload(slot, min(idle, key=lambda key: slot.models[key].last_used_s))

    async def _unload(self, slot: WorkerSlot, key: ModelKey) -> None:
        model = slot.models.pop(key, None)
        if model is not None and slot.worker is not None and slot.worker.alive:
            # A worker that ends meanwhile has unloaded everything.
            with contextlib.suppress(Unavailable, DeadlineExceeded):
                await slot.worker.call(WorkerCommand(unload=UnloadModel(model_key=model.number)), LOAD_TIMEOUT_S)


def _started(slot: WorkerSlot, task: "asyncio.Task[Worker]") -> None:
    slot.starting = None
    if not task.cancelled():
        task.exception()  # Marked as seen: all who waited may have given up.
