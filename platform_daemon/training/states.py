"""The life of a training session, as a pure table.

    CREATED → WAITING → RUNNING ⇄ SUSPENDED
                           ↓
                       EVALUATING → COMMITTED | KEPT_OLD | FAILED → WAITING (again due) | DONE (one-off)

Any state but STOPPED may be STOPPED. A run whose ground is gone (options changed, a permission revoked, examples
cleared) is invalidated: the session waits and starts afresh.
"""

import enum


class State(enum.Enum):
    """Names and values are those of insitu.v1.SessionState."""

    CREATED = 1
    WAITING = 2
    RUNNING = 3
    SUSPENDED = 4
    EVALUATING = 5
    COMMITTED = 6
    KEPT_OLD = 7
    FAILED = 8
    DONE = 9
    STOPPED = 10


class Event(enum.Enum):
    SCHEDULED = "scheduled"
    STARTED = "started"
    SUSPENDED = "suspended"
    EVALUATION_BEGAN = "evaluation began"
    COMMITTED = "committed"
    KEPT_OLD = "kept old"
    FAILED = "failed"
    RESTED = "rested"
    """The cadence wants another run some time."""
    FINISHED = "finished"
    """It wants none."""
    INVALIDATED = "invalidated"
    STOPPED = "stopped"


class IllegalTransition(Exception):
    """A defect of the daemon: this event cannot happen in this state."""


ENDED = frozenset({State.COMMITTED, State.KEPT_OLD, State.FAILED})
"""A run is over, the session has not been put to rest yet."""
ACTIVE = frozenset({State.RUNNING, State.EVALUATING})
"""A trainer works for the session."""

_TABLE: dict[tuple[State, Event], State] = {
    (State.CREATED, Event.SCHEDULED): State.WAITING,
    (State.WAITING, Event.STARTED): State.RUNNING,
    (State.WAITING, Event.FAILED): State.FAILED,
    (State.SUSPENDED, Event.STARTED): State.RUNNING,
    (State.SUSPENDED, Event.FAILED): State.FAILED,
    (State.RUNNING, Event.SUSPENDED): State.SUSPENDED,
    (State.EVALUATING, Event.SUSPENDED): State.SUSPENDED,
    (State.RUNNING, Event.EVALUATION_BEGAN): State.EVALUATING,
    (State.RUNNING, Event.FAILED): State.FAILED,
    (State.EVALUATING, Event.FAILED): State.FAILED,
    (State.EVALUATING, Event.COMMITTED): State.COMMITTED,
    (State.EVALUATING, Event.KEPT_OLD): State.KEPT_OLD,
    **{(state, Event.RESTED): State.WAITING for state in ENDED},
    **{(state, Event.FINISHED): State.DONE for state in ENDED},
    (State.DONE, Event.SCHEDULED): State.WAITING,
    **{(state, Event.INVALIDATED): State.WAITING for state in State if state not in {State.STOPPED, State.CREATED}},
    **{(state, Event.STOPPED): State.STOPPED for state in State if state is not State.STOPPED},
}


def advance(state: State, event: Event) -> State:
    """The state after an event. Raises IllegalTransition."""
    try:
        return _TABLE[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.value!r} cannot happen in state {state.name}") from None


def recovered(state: State, has_checkpoint: bool) -> State:
    """The state after the daemon was killed: what the trainer had in memory is gone, its last checkpoint is not."""
    if state in ACTIVE:
        return State.SUSPENDED if has_checkpoint else State.WAITING
    return state
