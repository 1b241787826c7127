"""The events of the daemon's log. Names are stable: alerts and scripts hang on them."""

import enum
from typing import Any


class LogEvent(enum.Enum):
    STARTED = "daemon_started"
    STOPPING = "daemon_stopping"
    STOPPED = "daemon_stopped"
    CALL = "call_ended"
    """Each call, at level debug."""
    DEFECT = "defect"
    """Something nobody foresaw. The caller was told the same number."""
    CONNECTION_DROPPED = "connection_dropped"
    SERVER_STUCK = "server_stuck"
    CHILD_STARTED = "child_started"
    """At level debug."""
    CHILD_ENDED = "child_ended"
    """By itself, or killed by somebody else than the daemon."""
    CHILD_OUTPUT = "child_output"
    CHILD_OUTPUT_WITHHELD = "child_output_withheld"
    """A child that had seen examples printed something: how many lines, not which."""
    TRAINING_ENDED = "training_ended"
    """A stretch of it: the outcome says whether it goes on."""
    RECORD_QUARANTINED = "record_quarantined"
    STORE_UNUSABLE = "store_unusable"
    """The disk took no more, or lost something: apps are told to come back."""
    DISK_LOW = "disk_low"
    """What is kept free for deleting has been reached: examples are refused."""
    STORE_REOPENED = "store_reopened"
    """After a write that the disk refused."""
    EXAMPLES_LOST = "examples_lost"
    """Acknowledged, and not there any more."""
    TIME_CHANGED = "time_changed"
    """The wall clock jumped, or is confirmed again."""
    TIME_UNWRITTEN = "time_unwritten"
    TIME_DAMAGED = "time_damaged"
    PROTECTION_MISSING = "protection_missing"


def marked(event: LogEvent, **fields: object) -> dict[str, Any]:
    """The `extra` of a record. Only what `fields.py` lists is written."""
    return {"event": event.value, "fields": fields}
