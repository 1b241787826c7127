"""What the demonstration measured; `--json` writes these values as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContextUse:
    """One context type that an app wished for: injected into so many examples of its run, or withheld from them."""

    type: str
    injected: bool
    examples: int


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The run as the daemon reports it; `holdout` has each metric on held-out examples, before and after."""

    outcome: str
    verdict: str
    steps: int
    examples: int
    holdout_examples: int
    suspensions: int
    holdout: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class AppResult:
    """One app. `before` and `after` are its measure on the test share, by the base model and by the trained one."""

    package: str
    does: str
    engine: str
    base: str
    measure: str
    developer_rows: int
    user_rows: int
    test_rows: int
    examples_stored: int
    before: float
    after: float
    gain: float
    parameters_version: int
    context: tuple[ContextUse, ...]
    run: TrainingRun


@dataclass(frozen=True, slots=True)
class Interruption:
    """How a run was suspended and went on."""

    session: str
    unplugged_at_step: int
    suspended_at_step: int
    resumed_at_step: int
    """Where it was first seen to have gone on."""
    total_steps: int
    paused_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit of the test share, 64 pixels from 0 to 1 in rows of 8, and what was read in it."""

    pixels: tuple[float, ...]
    label: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Results:
    duration_s: float
    phases_s: Mapping[str, float]
    """Duration of each step by its name."""
    apps: tuple[AppResult, ...]
    interruption: Interruption
    waiting_for: tuple[str, ...]
    """Why the first session did not run yet, as `insitu train explain` says it."""
    daemon_restarted: bool
    digits: tuple[Digit, ...]
    """Some of the test share that the base model misreads, evenly spread."""
