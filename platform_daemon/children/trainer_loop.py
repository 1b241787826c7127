"""Serves the trainer's channel: one run after another, interruptible at any step."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from insitu.v1 import trainer_pb2
from ml_engines.registry import EngineRegistry
from platform_daemon.children.framing import BlockingChannel
from platform_daemon.children.loading import child_error
from platform_daemon.children.training_loop import Interruption, Request
from platform_daemon.children.training_run import TrainingRun


@dataclass(frozen=True, slots=True)
class _Received:
    command: trainer_pb2.TrainerCommand
    interruption: Interruption
    """That of the run to which the command belongs."""


class TrainerLoop:
    """A thread listens, so that a training loop learns of an interruption without ever asking the socket.

    A run ends with exactly one of: finished, suspended, error. Commands for a run that has ended are dropped.
    """

    def __init__(
        self,
        channel: BlockingChannel,
        engines: EngineRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._engines = engines or EngineRegistry()
        self._clock = clock
        self._received: queue.SimpleQueue[_Received | None] = queue.SimpleQueue()
        self._run: TrainingRun | None = None

    def serve(self) -> None:
        """Returns at the channel's end, between two runs; inside one the process simply ends."""
        threading.Thread(target=self._listen, name="commands", daemon=True).start()
        while (received := self._received.get()) is not None:
            try:
                self._execute(received)
            except Exception as error:  # noqa: BLE001 - engines raise what they like; the next run is not concerned
                self._send(trainer_pb2.TrainerReport(error=child_error(error)))
                self._end_run()

    def _listen(self) -> None:
        interruption = Interruption()
        while (frame := self._channel.receive()) is not None:
            command = trainer_pb2.TrainerCommand.FromString(frame)
            match command.WhichOneof("command"):
                case "start":
                    interruption = Interruption()
                case "suspend":
                    interruption.ask(Request.SUSPEND)
                case "abort":
                    interruption.ask(Request.ABORT)
            self._received.put(_Received(command, interruption))
        self._received.put(None)

    def _execute(self, received: _Received) -> None:
        command = received.command
        kind = command.WhichOneof("command")
        if kind == "start":
            self._end_run()
            self._run = TrainingRun(command.start, self._engines)
        elif self._run is None:
            return
        elif kind == "examples":
            self._run.add(command.examples)
        elif kind == "begin":
            self._run.execute(self._send, received.interruption, self._clock)
            self._end_run()
        else:
            # Before it began: nothing has been trained that a checkpoint could keep.
            self._send(trainer_pb2.TrainerReport(suspended=trainer_pb2.RunSuspended()))
            self._end_run()

    def _end_run(self) -> None:
        if self._run is not None:
            self._run.close()
        self._run = None

    def _send(self, report: trainer_pb2.TrainerReport) -> None:
        self._channel.send(report.SerializeToString())
