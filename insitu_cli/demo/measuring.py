"""From what the daemon tells to what the demonstration reports."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from client_lib import Attempt
from client_lib.control import ControlClient
from insitu_cli.demo.app import RunningApp
from insitu_cli.demo.data import Rows
from insitu_cli.demo.results import AppResult, ContextUse, Digit, TrainingRun


def app_result(running: RunningApp, before: float, after: float, control: ControlClient) -> AppResult:
    """Of an app whose session is done. What was injected is read from the lineage of its trained parameters."""
    app, status = running.app, running.trainer.status()
    attempt = status.attempts[0]
    versions = [version for artifact in control.models(app.package).artifacts for version in artifact.versions]
    learnt_with = {context_type for version in versions for context_type in version.context}
    examples = attempt.examples + attempt.holdout_examples
    return AppResult(
        package=app.package,
        does=app.does,
        engine=running.engine,
        base=app.base,
        measure=app.measure,
        developer_rows=len(app.shares.developer),
        user_rows=len(app.shares.user),
        test_rows=len(app.shares.test),
        examples_stored=running.collection.stats().examples,
        before=before,
        after=after,
        gain=after - before,
        parameters_version=status.output_version,
        context=tuple(ContextUse(wish, wish in learnt_with, examples) for wish in app.context),
        run=_run(attempt),
    )


def _run(attempt: Attempt) -> TrainingRun:
    return TrainingRun(
        outcome=attempt.outcome.value,
        verdict=attempt.reason,
        steps=attempt.steps,
        examples=attempt.examples,
        holdout_examples=attempt.holdout_examples,
        suspensions=attempt.suspensions,
        holdout={pair.name: (pair.before, pair.after) for pair in attempt.metrics},
    )


def misread(test: Rows, before: NDArray[np.int64], after: NDArray[np.int64], count: int) -> Iterator[Digit]:
    """Up to `count` of the digits that were misread before, evenly spread, whatever is read in them now."""
    wrong = np.flatnonzero(before != test.labels)
    for row in wrong[np.linspace(0, len(wrong), min(count, len(wrong)), endpoint=False, dtype=np.int64)]:
        yield Digit(tuple(test.inputs[row].tolist()), int(test.labels[row]), int(before[row]), int(after[row]))
