"""Counts training runs and steps, and logs how they ended, as they are written down."""

import logging
from collections.abc import Iterable

from platform_daemon.logs import LogEvent, marked
from platform_daemon.metrics.instruments import Counter, Family
from platform_daemon.state.database import Database
from platform_daemon.training.records import Run, Session, SessionRepository

_logger = logging.getLogger(__name__)


class CountedSessions(SessionRepository):
    """The sessions' repository, which counts what is saved: a run's new steps, and how each stretch of it ended."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._steps = Counter("insitu_training_steps_total", "Steps that trainers made.")
        self._outcomes = Counter("insitu_training_runs_total", "Stretches of training that ended.", ("outcome",))

    def families(self) -> Iterable[Family]:
        return self._steps.family(), self._outcomes.family()

    def save_run(self, run: Run) -> None:
        known = next((one.steps for one in self.runs(run.session) if one.id == run.id), 0)
        super().save_run(run)
        self._steps.add(amount=max(0, run.steps - known))

    def conclude(self, session: Session, run: Run) -> None:
        super().conclude(session, run)
        outcome = run.outcome.name.lower()
        self._outcomes.add(outcome)
        package, took_s = session.enclave.package, run.active_ms / 1000
        fields = marked(LogEvent.TRAINING_ENDED, package=package, outcome=outcome, steps=run.steps, took_s=took_s)
        _logger.info("training %s", outcome, extra=fields)
