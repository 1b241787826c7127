"""One run as the trainer carries it out: load, gather examples, train, evaluate, judge."""

import math
from collections.abc import Callable
from typing import ClassVar

from insitu.v1 import trainer_pb2
from ml_engines.errors import BadInput, EngineError
from ml_engines.feeds import Feeds
from ml_engines.registry import EngineRegistry
from platform_daemon.children.evaluation import evaluate
from platform_daemon.children.gate import judge
from platform_daemon.children.loading import load_graph, parse_plan
from platform_daemon.children.order import Position
from platform_daemon.children.training_examples import ExampleCollector, Examples
from platform_daemon.children.training_loop import (
    PROGRESS_INTERVAL_S,
    Interruption,
    TrainingLoop,
    make_checkpoint,
    restore_checkpoint,
)
from platform_daemon.children.training_model import TrainingModel

Send = Callable[[trainer_pb2.TrainerReport], None]
Metrics = dict[str, float]


class NoExamples(EngineError):
    """Nothing to train or evaluate on."""

    status: ClassVar[str] = "FAILED_PRECONDITION"
    reason: ClassVar[str] = "NO_EXAMPLES"


class TrainingRun:
    """Made from StartRun; takes chunks; `execute` sends all further reports, the last of which ends the run.

    Any method may raise EngineError or what an engine trips over: the run is over then.
    """

    def __init__(self, start: trainer_pb2.StartRun, engines: EngineRegistry) -> None:
        self._plan = parse_plan(start.plan, {"training", "evaluation"})
        self._trains = self._plan.HasField("training")
        self._instructions = self._plan.training if self._trains else self._plan.evaluation
        if self._instructions.batch_size < 1:
            raise BadInput("plan.batch_size: a batch needs at least one example; fix the plan")
        self._examples = ExampleCollector(Feeds(self._instructions.feeds))
        self._model = TrainingModel(load_graph(self._plan, engines), self._plan)
        self._start_parameters = start.parameters or self._plan.base_parameters
        self._live_parameters = start.live_parameters or self._start_parameters
        self._position = Position()
        if start.HasField("checkpoint"):
            if not self._trains:
                raise BadInput("start.checkpoint: a plan that only evaluates has none; leave it out")
            self._position = restore_checkpoint(self._model, start.checkpoint)
        else:
            self._model.set_parameters(self._start_parameters)

    def add(self, chunk: trainer_pb2.ExampleChunk) -> None:
        self._examples.add(chunk)

    def execute(self, send: Send, interruption: Interruption, clock: Callable[[], float]) -> None:
        """Train and evaluate; or only evaluate, as the plan says."""
        reporter = _Reporter(send, interruption, clock)
        if self._trains:
            self._train(reporter)
        else:
            self._evaluate_only(reporter)

    def close(self) -> None:
        self._model.close()

    def _train(self, reporter: "_Reporter") -> None:
        training, held_out = self._examples.split()
        if not len(training):
            raise NoExamples("no example is left to train on: the app must add more")
        loop = TrainingLoop(self._model, self._plan.training, training.data, training.sequences, reporter.clock)
        reporter.total_steps = loop.total_steps(self._position)
        reporter.ready(len(training), len(held_out))
        stop = loop.run(self._position, reporter.interruption, reporter)
        if reporter.interruption.aborted:
            reporter.suspended(None)
            return
        # Taken before evaluating, which puts other parameters into the model.
        checkpoint = make_checkpoint(self._model, stop.position)
        if stop.interrupted:
            reporter.suspended(checkpoint)
            return
        after = self._evaluate(checkpoint.parameters, held_out, reporter, stop.position.step)
        before = None if after is None else self._evaluate(self._live_parameters, held_out, reporter, checkpoint.step)
        if before is None or after is None:
            reporter.suspended(None if reporter.interruption.aborted else checkpoint)
            return
        finished = trainer_pb2.RunFinished(
            parameters=checkpoint.parameters, steps=checkpoint.step, loss=stop.loss, examples=len(training)
        )
        self._judge(finished, before, after, len(held_out))
        reporter.finished(finished)

    def _judge(self, finished: trainer_pb2.RunFinished, before: Metrics, after: Metrics, holdout_examples: int) -> None:
        training = self._plan.training
        gate = training.acceptance_gate if training.HasField("acceptance_gate") else None
        verdict = judge(gate, training.metrics, before, after, holdout_examples)
        finished.accepted, finished.verdict = verdict.accepted, verdict.explanation
        if not self._model.are_finite(finished.parameters):
            finished.accepted = False
            finished.verdict = "training diverged: the new parameters hold values that are not finite"
        finished.holdout_examples = holdout_examples
        for name in after:
            finished.metrics.add(name=name, before=before[name], after=after[name])

    def _evaluate(self, parameters: bytes, examples: Examples, reporter: "_Reporter", step: int) -> Metrics | None:
        """Metrics with these parameters; None when interrupted. No metric where there is nothing to measure."""
        if not len(examples) or not self._model.metrics:
            return {}
        self._model.set_parameters(parameters)
        reporter.evaluating(step)
        interrupted = reporter.interrupted_while_evaluating(step)
        return evaluate(self._model, examples.data, self._instructions.batch_size, interrupted)

    def _evaluate_only(self, reporter: "_Reporter") -> None:
        examples = self._examples.all()
        if not len(examples):
            raise NoExamples("no example is left to evaluate on: the app must add more")
        reporter.ready(0, len(examples))
        metrics = self._evaluate(self._start_parameters, examples, reporter, 0)
        if metrics is None:
            reporter.suspended(None)
            return
        finished = trainer_pb2.RunFinished(loss=math.nan, holdout_examples=len(examples))
        finished.verdict = "the plan only evaluates"
        for name, value in metrics.items():
            finished.metrics.add(name=name, before=value, after=value)
        reporter.finished(finished)


class _Reporter:
    """Turns what happens into reports; the loop's observer."""

    def __init__(self, send: Send, interruption: Interruption, clock: Callable[[], float]) -> None:
        self._send = send
        self.interruption = interruption
        self.clock = clock
        self.total_steps = 0
        self._next_s = 0.0

    def ready(self, examples: int, holdout_examples: int) -> None:
        ready = trainer_pb2.RunReady(examples=examples, holdout_examples=holdout_examples, total_steps=self.total_steps)
        self._send(trainer_pb2.TrainerReport(ready=ready))

    def progress(self, step: int, loss: float) -> None:
        progress = trainer_pb2.RunProgress(step=step, total_steps=self.total_steps, loss=loss)
        self._send(trainer_pb2.TrainerReport(progress=progress))

    def checkpoint(self, checkpoint: trainer_pb2.Checkpoint) -> None:
        self._send(trainer_pb2.TrainerReport(checkpoint=checkpoint))

    def evaluating(self, step: int) -> None:
        self._next_s = self.clock() + PROGRESS_INTERVAL_S
        progress = trainer_pb2.RunProgress(step=step, total_steps=self.total_steps, evaluating=True)
        self._send(trainer_pb2.TrainerReport(progress=progress))

    def interrupted_while_evaluating(self, step: int) -> Callable[[], bool]:
        """To be asked between two batches; shows at times that the trainer is alive."""

        def interrupted() -> bool:
            if self.clock() >= self._next_s:
                self.evaluating(step)
            return self.interruption.request is not None

        return interrupted

    def suspended(self, checkpoint: trainer_pb2.Checkpoint | None) -> None:
        if checkpoint is not None:
            self.checkpoint(checkpoint)
        self._send(trainer_pb2.TrainerReport(suspended=trainer_pb2.RunSuspended()))

    def finished(self, finished: trainer_pb2.RunFinished) -> None:
        self._send(trainer_pb2.TrainerReport(finished=finished))
