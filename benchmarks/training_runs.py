"""Training runs as an app sees them: from the decision to train to the new model serving."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.samples import Samples
from benchmarks.stand import Stand
from client_lib import OneOff, PredictorClient, PredictorOptions, SessionState, TrainerClient, TrainerOptions

RUN_TIMEOUT_S = timedelta(minutes=10).total_seconds()
_POLL_S = 0.02
"""A trainer reports five times a second; asking more often would take from it what is to be measured."""
_OVER = {SessionState.DONE, SessionState.FAILED, SessionState.KEPT_OLD, SessionState.COMMITTED}


class RunFailed(Exception):
    """It ended otherwise than with new parameters; says how."""


@dataclass(frozen=True, slots=True)
class Report:
    """When a step count was first seen. Unix seconds."""

    at_s: float
    step: int


@dataclass(slots=True)
class Timeline:
    """One run. `reports` are the trainer's own, in between its ends: the steps at both ends are inferred from them."""

    decided_s: float = 0.0
    reports: list[Report] = field(default_factory=list)
    total_steps: int = 0
    serving_s: float = 0.0

    @property
    def steps_per_s(self) -> float:
        """Between the first report and the last."""
        first, last = self.reports[0], self.reports[-1]
        return (last.step - first.step) / (last.at_s - first.at_s)

    @property
    def fixed_s(self) -> float:
        """From the decision to the first step, and from the last step to the new model serving."""
        first, last = self.reports[0], self.reports[-1]
        before = first.at_s - self.decided_s - first.step / self.steps_per_s
        after = self.serving_s - last.at_s - (self.total_steps - last.step) / self.steps_per_s
        return before + after


class Training:
    """Run after run of one training plan, each from the base parameters, with a predictor that waits for its result."""

    def __init__(self, app: Stand, training: Path, inference: Path, samples: Samples) -> None:
        self._app = app
        self._training = training
        self._inference = inference
        self._example = samples.examples()[0]
        self._runs = 0

    def run(self) -> Timeline:
        """Raises RunFailed."""
        self._runs += 1
        session, output = f"run-{self._runs}", f"artifact:/run-{self._runs}/parameters"
        app = self._app
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=self._inference, parameters=output))
        predictor.predict(self._example)
        trainer = app.learning.get_trainer_client(
            TrainerOptions(session, plan=self._training, output=output, cadence=OneOff())
        )
        trainer.schedule()
        app.device.become(idle=True, charging=True)
        try:
            timeline = self._watch(trainer)
            timeline.serving_s = self._await_serving(predictor)
        finally:
            app.device.become(idle=False, charging=False)
        self._finish(trainer, timeline)
        if len(timeline.reports) < 2:
            raise RunFailed(f"{timeline.total_steps} steps are over before the pace can be told; give it more")
        return timeline

    def _watch(self, trainer: TrainerClient) -> Timeline:
        timeline = Timeline()
        deadline_s = time.monotonic() + RUN_TIMEOUT_S
        while time.monotonic() < deadline_s:
            status = trainer.status()
            now_s = time.time()
            if (status.total_steps and status.step >= status.total_steps) or status.state in _OVER:
                return timeline
            if status.step > (timeline.reports[-1].step if timeline.reports else 0):
                timeline.reports.append(Report(now_s, status.step))
            time.sleep(_POLL_S)
        raise RunFailed(f"the run is not over after {RUN_TIMEOUT_S:.0f} s")

    def _await_serving(self, predictor: PredictorClient) -> float:
        deadline_s = time.monotonic() + RUN_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if predictor.predict(self._example).served_by.parameters_version:
                return time.time()
        raise RunFailed("the new parameters do not serve")

    def _finish(self, trainer: TrainerClient, timeline: Timeline) -> None:
        while (status := trainer.status()).state is not SessionState.DONE:
            if status.state is SessionState.FAILED:
                raise RunFailed("; ".join(status.reasons))
            time.sleep(_POLL_S)
        attempt = status.attempts[0]
        timeline.decided_s = attempt.started_ms / 1000
        timeline.total_steps = attempt.steps
