"""What the daemon tells about a training session."""

import enum
import math
from dataclasses import dataclass

from client_lib.errors import Internal
from client_lib.filling import fill, to_duration, unfit
from client_lib.options import Cadence, Continuous, OneOff, Times, TrainerOptions
from insitu.v1 import training_pb2 as wire


class SessionState(enum.Enum):
    CREATED = "created"
    WAITING = "waiting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    EVALUATING = "evaluating"
    COMMITTED = "committed"
    KEPT_OLD = "kept_old"
    FAILED = "failed"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric on the held-out examples, with the old and with the new parameters."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run. Unix times in milliseconds."""

    started_ms: int
    ended_ms: int
    outcome: SessionState
    reason: str
    steps: int
    examples: int
    holdout_examples: int
    suspensions: int
    metrics: tuple[MetricPair, ...]


@dataclass(frozen=True, slots=True)
class ConditionReading:
    """One condition of a run, where its value comes from, and what would satisfy it."""

    name: str
    satisfied: bool
    value: str
    source: str
    since_ms: int
    remedy: str


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """Unix times in milliseconds; 0 for never."""

    session: str
    state: SessionState
    reasons: tuple[str, ...]
    """Why it waits, or why the last attempt failed: one sentence each, with the remedy."""
    step: int
    total_steps: int
    loss: float
    next_run_ms: int
    last_run_ms: int
    output_version: int
    """Version of the output in use, an earlier one than the latest after a rollback; 0 where there is none."""
    attempts: tuple[Attempt, ...]
    """Newest first."""
    conditions: tuple[ConditionReading, ...]

    @property
    def progress(self) -> float:
        """Share of the steps of the run under way, 0 to 1; NaN where none is."""
        return self.step / self.total_steps if self.total_steps else math.nan

    @classmethod
    def from_wire(cls, message: wire.SessionStatus) -> "SessionStatus":
        return cls(
            session=message.options.session,
            state=_state(message.state),
            reasons=tuple(message.reasons),
            step=message.step,
            total_steps=message.total_steps,
            loss=message.loss,
            next_run_ms=message.next_run_ms,
            last_run_ms=message.last_run_ms,
            output_version=message.output_version,
            attempts=tuple(map(_attempt, message.attempts)),
            conditions=tuple(
                ConditionReading(c.name, c.satisfied, c.value, c.source, c.since_ms, c.remedy)
                for c in message.conditions
            ),
        )


def _attempt(message: wire.Attempt) -> Attempt:
    return Attempt(
        message.started_ms,
        message.ended_ms,
        _state(message.outcome),
        message.reason,
        message.steps,
        message.examples,
        message.holdout_examples,
        message.suspensions,
        tuple(MetricPair(pair.name, pair.before, pair.after) for pair in message.metrics),
    )


def _state(value: wire.SessionState) -> SessionState:
    try:
        return SessionState[wire.SessionState.Name(value)]
    except (KeyError, ValueError) as error:
        raise Internal(f"the daemon reports session state {value}, unknown here; update the client library") from error


def options_to_wire(options: TrainerOptions, plan_uri: str) -> wire.TrainerOptions:
    """Raises InvalidArgument naming the option that does not fit."""
    return fill(
        wire.TrainerOptions(cadence=_cadence_to_wire(options.cadence)),
        "options.",
        session=options.session,
        plan=plan_uri,
        output=options.output,
        input=options.input,
        requires_unmetered=options.requires_unmetered,
    )


def _cadence_to_wire(cadence: Cadence) -> wire.Cadence:
    message = wire.Cadence()
    match cadence:
        case Continuous(every):
            message.continuous.CopyFrom(to_duration("options.cadence.continuous", every))
        case Times(crontab):
            fill(message, "options.cadence.", times=crontab)
        case OneOff():
            message.one_off.SetInParent()
        case _:
            raise unfit("options.cadence", cadence, "Continuous, Times or OneOff")
    return message
