"""Counts training runs and steps as they are written down."""

from collections.abc import Iterable

from platform_daemon.metrics.instruments import Counter, Family
from platform_daemon.state.database import Database
from platform_daemon.training.records import Run, Session, SessionRepository


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
        self._outcomes.add(run.outcome.name.lower())
