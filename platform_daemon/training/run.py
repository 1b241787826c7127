"""One stretch of a run: a trainer is fed, watched, and either finishes, is suspended, or fails."""

import asyncio
import enum
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from insitu.v1.trainer_pb2 import (
    AbortRun,
    BeginTraining,
    Checkpoint,
    ExampleChunk,
    RunFinished,
    RunProgress,
    RunReady,
    StartRun,
    SuspendRun,
    TrainerCommand,
    TrainerReport,
)
from platform_daemon.training.training_set import TrainingSet

SILENCE_TIMEOUT_S = 120.0
"""A trainer reports a few times a second; one that says nothing for so long hangs in its graph and is ended."""


class TrainerGone(Exception):
    """The process ended, or its channel broke, before it said what came of the run."""


class TrainerProcess(Protocol):
    """The primary's side of a trainer."""

    async def send(self, command: TrainerCommand) -> None:
        """Raises TrainerGone."""
        ...

    async def receive(self) -> TrainerReport:
        """Raises TrainerGone."""
        ...

    async def end(self) -> None:
        """End the process, by force where needed. Repeatable."""
        ...


class Ending(enum.Enum):
    FINISHED = "finished"
    SUSPENDED = "suspended"
    """Asked to, or killed by something else: its last checkpoint counts."""
    TOO_FEW_EXAMPLES = "too few examples"
    ABORTED = "aborted"
    REFUSED = "refused"
    """The plan, its graph or its examples are at fault: another try would end the same way."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What became of it."""

    ending: Ending
    result: RunFinished | None = None
    reason: str = ""
    killed: bool = False
    """The trainer died without being asked to end."""


@dataclass(slots=True)
class Watcher:
    """Called from the event loop as the run proceeds."""

    ready: Callable[[RunReady], None]
    progress: Callable[[RunProgress], None]
    checkpoint: Callable[[Checkpoint], None]


class RunningStretch:
    """Drives one trainer through (a part of) one run."""

    def __init__(self, trainer: TrainerProcess, start: StartRun, examples: TrainingSet, watcher: Watcher) -> None:
        self._trainer = trainer
        self._start = start
        self._examples = examples
        self._watcher = watcher
        self._asked: Ending | None = None
        self._reader = ThreadPoolExecutor(1, "training-set")

    async def drive(self) -> Stretch:
        """Run to an ending. The trainer's process is gone when this returns."""
        try:
            return await self._drive()
        except TrainerGone as gone:
            if self._asked is not None:
                return Stretch(self._asked)
            return Stretch(Ending.SUSPENDED, reason=str(gone), killed=True)
        finally:
            await self._trainer.end()
            self._reader.shutdown(wait=False, cancel_futures=True)

    async def suspend(self, grace_s: float) -> None:
        """Ask for a checkpoint and the end; end it by force when the grace is over."""
        await self._ask(Ending.SUSPENDED, TrainerCommand(suspend=SuspendRun()), grace_s)

    async def abort(self) -> None:
        """End it now. Nothing of it is to be kept."""
        await self._ask(Ending.ABORTED, TrainerCommand(abort=AbortRun()), 0)

    async def _ask(self, ending: Ending, command: TrainerCommand, grace_s: float) -> None:
        if self._asked is not Ending.ABORTED:
            self._asked = ending
        try:
            await asyncio.wait_for(self._trainer.send(command), max(grace_s, 0.05))
        except (TrainerGone, TimeoutError):
            grace_s = 0
        asyncio.get_running_loop().call_later(grace_s, lambda: asyncio.ensure_future(self._trainer.end()))

    async def _drive(self) -> Stretch:
        await self._trainer.send(TrainerCommand(start=self._start))
        await self._feed()
        if self._asked is not None:
            return Stretch(self._asked)
        wanted = max(1, self._examples.query.minimum_examples)
        if self._examples.training < wanted:
            return Stretch(
                Ending.TOO_FEW_EXAMPLES,
                reason=f"{self._examples.training} examples match the plan's query, it wants {wanted};"
                " the app must add more",
            )
        await self._trainer.send(TrainerCommand(begin=BeginTraining()))
        return await self._watch()

    async def _feed(self) -> None:
        chunks: Iterator[ExampleChunk] = self._examples.chunks()
        loop = asyncio.get_running_loop()
        while self._asked is None:
            chunk = await loop.run_in_executor(self._reader, next, chunks, None)
            if chunk is None:
                return
            await self._trainer.send(TrainerCommand(examples=chunk))

    async def _watch(self) -> Stretch:
        while True:
            try:
                report = await asyncio.wait_for(self._trainer.receive(), SILENCE_TIMEOUT_S)
            except TimeoutError:
                raise TrainerGone(f"the trainer said nothing for {SILENCE_TIMEOUT_S:.0f} s") from None
            match report.WhichOneof("report"):
                case "ready":
                    self._watcher.ready(report.ready)
                case "progress":
                    self._watcher.progress(report.progress)
                case "checkpoint":
                    self._watcher.checkpoint(report.checkpoint)
                case "finished" if self._asked is not Ending.ABORTED:
                    return Stretch(Ending.FINISHED, report.finished)
                case "error":
                    return Stretch(Ending.REFUSED, reason=report.error.message)
                case "suspended" | "finished":
                    return Stretch(self._asked or Ending.SUSPENDED)
                case _:
                    raise TrainerGone("the trainer sent an empty report")
