"""The training loop: epochs over examples in memory, with progress, checkpoints and interruption.

No process, socket or clock of its own. The same parameters, examples and seed give the same result, bit by bit, however
often the loop is suspended and resumed.
"""

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from insitu.v1 import plan_pb2, trainer_pb2
from platform_daemon.children.order import Epoch, ExampleOrder, Position
from platform_daemon.children.training_model import TrainingModel

PROGRESS_INTERVAL_S = 0.2
CHECKPOINT_INTERVAL_S = 2.0
"""Where the plan does not count steps: what a killed trainer loses at most."""
_GATHER_BYTES = 4 << 20

Array = NDArray[np.generic]


class Request(enum.Enum):
    SUSPEND = "suspend"
    ABORT = "abort"


@dataclass(slots=True)
class Interruption:
    """Set by whoever listens to the primary, read by the loop after each step. The first request stays."""

    request: Request | None = None

    def ask(self, request: Request) -> None:
        # An abort wins over a suspension: its checkpoint is unwanted.
        if self.request is None or request is Request.ABORT:
            self.request = request

    @property
    def aborted(self) -> bool:
        return self.request is Request.ABORT


class Observer(Protocol):
    def progress(self, step: int, loss: float) -> None:
        """About five times a second. `loss` is the mean since the last time."""
        ...

    def checkpoint(self, checkpoint: trainer_pb2.Checkpoint) -> None: ...


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the loop ended."""

    position: Position
    loss: float
    """Mean over what this process ran of the last epoch; NaN where it took no step."""
    interrupted: bool


class TrainingLoop:
    """Trains a model on `data`, arrays of n rows by input name, with the examples' sequence numbers."""

    def __init__(
        self,
        model: TrainingModel,
        instructions: plan_pb2.TrainingInstructions,
        data: Mapping[str, Array],
        sequences: NDArray[np.uint64],
        clock: Callable[[], float],
    ) -> None:
        self._model = model
        self._data = {name: data[name] for name in model.train_inputs}
        self._batch_size = instructions.batch_size
        self._checkpoint_steps = instructions.checkpoint_steps
        self._epochs = instructions.epochs if instructions.WhichOneof("duration") == "epochs" else None
        self._steps = instructions.steps
        self._order = ExampleOrder(sequences, instructions.seed, instructions.batch_size)
        self._clock = clock
        row_bytes = sum(array[:1].nbytes for array in self._data.values())
        self._gather_steps = max(1, min(256, _GATHER_BYTES // max(1, row_bytes * self._batch_size)))

    def total_steps(self, position: Position) -> int:
        """Of the whole run, given that `position` has been reached."""
        if self._epochs is None:
            return self._steps
        if position.epoch >= self._epochs:
            return position.step
        later = (self._epochs - position.epoch - 1) * self._order.steps_per_epoch
        return position.step + self._order.steps_left(position) + later

    def run(self, position: Position, interruption: Interruption, observer: Observer) -> Stop:
        """Train from `position` to the end, or to the step after which an interruption was seen."""
        total = self.total_steps(position)
        reporting = _Reporting(self._model, self._checkpoint_steps, self._clock, interruption, observer)
        loss = math.nan
        for epoch in self._order.epochs(position):
            if position.step >= total or interruption.request is not None:
                break
            reporting.start_epoch()
            position = self._run_epoch(epoch, position, total, reporting)
            loss = reporting.epoch_loss(loss)
        return Stop(position, loss, position.step < total)

    def _run_epoch(self, epoch: Epoch, position: Position, total: int, reporting: "_Reporting") -> Position:
        count = min(len(epoch.rows), total - position.step)
        train = self._model.train_runner
        names = list(self._data)
        done = 0
        while done < count and reporting.interruption.request is None:
            rows = epoch.rows[done : min(done + self._gather_steps, count)]
            # One gather for many steps; a step's batch is then a view.
            blocks = [self._data[name][rows] for name in names]
            for batch in zip(*blocks, strict=True):
                loss = train(dict(zip(names, batch, strict=True)))["loss"]
                done += 1
                if reporting.account(float(loss)):
                    reporting.report(_after(epoch, position, done))
                    if reporting.interruption.request is not None:
                        break
        return _after(epoch, position, done)


class _Reporting:
    """Counts steps and losses, and says what is due. `account` runs after every step, so it does little."""

    def __init__(
        self,
        model: TrainingModel,
        checkpoint_steps: int,
        clock: Callable[[], float],
        interruption: Interruption,
        observer: Observer,
    ) -> None:
        self.interruption = interruption
        self._model = model
        self._every = checkpoint_steps
        self._clock = clock
        self._observer = observer
        now = clock()
        self._next_progress_s = now + PROGRESS_INTERVAL_S
        self._next_checkpoint_s = math.inf if checkpoint_steps else now + CHECKPOINT_INTERVAL_S
        self._next_s = min(self._next_progress_s, self._next_checkpoint_s)
        self._since_checkpoint = 0
        self._losses = 0.0
        self._steps = 0
        self._epoch_losses = 0.0
        self._epoch_steps = 0

    def start_epoch(self) -> None:
        self._epoch_losses = 0.0
        self._epoch_steps = 0

    def epoch_loss(self, otherwise: float) -> float:
        return self._epoch_losses / self._epoch_steps if self._epoch_steps else otherwise

    def account(self, loss: float) -> bool:
        """Whether something is due, or an interruption was asked for."""
        self._losses += loss
        self._steps += 1
        self._epoch_losses += loss
        self._epoch_steps += 1
        self._since_checkpoint += 1
        return (
            self._clock() >= self._next_s
            or self._since_checkpoint == self._every
            or self.interruption.request is not None
        )

    def report(self, position: Position) -> None:
        now = self._clock()
        if now >= self._next_progress_s:
            self._observer.progress(position.step, self._losses / self._steps)
            self._losses, self._steps = 0.0, 0
            self._next_progress_s = now + PROGRESS_INTERVAL_S
        # An interrupted loop's checkpoint is made by the one who interrupts, where it is wanted.
        due = now >= self._next_checkpoint_s or self._since_checkpoint == self._every
        if due and self.interruption.request is None:
            self._observer.checkpoint(make_checkpoint(self._model, position))
            self._since_checkpoint = 0
            if not self._every:
                self._next_checkpoint_s = self._clock() + CHECKPOINT_INTERVAL_S
        self._next_s = min(self._next_progress_s, self._next_checkpoint_s)


def make_checkpoint(model: TrainingModel, position: Position) -> trainer_pb2.Checkpoint:
    """All that a run's rest depends on, apart from plan and examples."""
    return trainer_pb2.Checkpoint(
        parameters=model.parameters(),
        optimizer_state=model.optimizer_state(),
        step=position.step,
        epoch=position.epoch,
        epoch_step=position.epoch_step,
        last_order_key=position.last_order_key,
    )


def restore_checkpoint(model: TrainingModel, checkpoint: trainer_pb2.Checkpoint) -> Position:
    """Put the model where it was; returns where the loop goes on. Raises BadParameters."""
    model.set_parameters(checkpoint.parameters)
    model.set_optimizer_state(checkpoint.optimizer_state)
    return Position(checkpoint.step, checkpoint.epoch, checkpoint.epoch_step, checkpoint.last_order_key)


def _after(epoch: Epoch, start: Position, done: int) -> Position:
    """The position when `done` steps of what was left of the epoch have been taken."""
    step = start.step + done
    if done == len(epoch.rows):
        return Position(step, epoch.number + 1)
    if done == 0:
        return Position(step, epoch.number, epoch.first_step, start.last_order_key)
    return Position(step, epoch.number, epoch.first_step + done, int(epoch.last_keys[done - 1]))
