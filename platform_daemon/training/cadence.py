"""When a session is due, as pure functions of its cadence and its past."""

import hashlib
from datetime import UTC, datetime, tzinfo
from typing import Any

from insitu.v1.training_pb2 import Cadence
from platform_daemon.errors import InvalidArgument

TRANSIENT_RETRY_S = 15 * 60
"""First pause after a failure that may pass by itself; doubles up to the permanent one."""
PERMANENT_RETRY_S = 4 * 3600
JITTER = 0.2
"""Retries spread by this share, so that the sessions of one device do not march in step."""
MINIMUM_PAUSE_MS = 1000
"""A continuous session rests at least so long between runs."""
AHEAD_MS = 60_000
"""A wall clock that is set back by less makes no past time unbelievable."""


def check_cadence(cadence: Cadence) -> None:
    """Raise InvalidArgument for a cadence that can never be due."""
    match cadence.WhichOneof("kind"):
        case "continuous":
            if cadence.continuous.ToMilliseconds() < 0:
                raise InvalidArgument("must not be negative", field="options.cadence.continuous")
        case "times":
            try:
                fires = _crontab(cadence.times, UTC).get_next_fire_time(None, datetime.now(UTC))
            except ValueError as error:
                raise InvalidArgument(
                    f"{cadence.times!r} is no crontab expression ({error}); write five fields, e.g. '0 3 * * *'",
                    field="options.cadence.times",
                ) from error
            if fires is None:
                raise InvalidArgument(f"{cadence.times!r} names no day that exists", field="options.cadence.times")
        case "one_off":
            pass
        case None:
            raise InvalidArgument("is missing; choose continuous, times or one_off", field="options.cadence")


def repeats(cadence: Cadence) -> bool:
    """Whether the session rests after a run instead of being done."""
    return not cadence.HasField("one_off")


def believed_ms(past_ms: int, now_ms: int) -> int:
    """A time that was noted as past; 0 if it lies ahead, since the wall clock was wrong then or is now. So no session
    waits until a clock that once stood ten years ahead is right."""
    return past_ms if past_ms <= now_ms + AHEAD_MS else 0


def believed_retry_ms(retry_ms: int, now_ms: int) -> int:
    """A time to try again; 0 if it lies further ahead than any pause."""
    return retry_ms if retry_ms <= now_ms + AHEAD_MS + round(PERMANENT_RETRY_S * 1000 * (1 + JITTER)) else 0


def next_due_ms(
    cadence: Cadence, *, created_ms: int, last_started_ms: int, last_ended_ms: int, zone: tzinfo = UTC
) -> int:
    """Unix milliseconds from which on the session wants to run; in the past where it is due already.

    A time that passes while the conditions do not hold stays due, and is made up for once.
    """
    match cadence.WhichOneof("kind"):
        case "continuous":
            if not last_ended_ms:
                return created_ms
            return last_ended_ms + max(MINIMUM_PAUSE_MS, cadence.continuous.ToMilliseconds())
        case "times":
            after = datetime.fromtimestamp(max(created_ms, last_started_ms) / 1000 + 0.001, tz=zone)
            fire = _crontab(cadence.times, zone).get_next_fire_time(None, after)
            return int(fire.timestamp() * 1000)
        case _:
            return created_ms


def retry_at_ms(failed_ms: int, failures: int, permanent: bool, seed: str) -> int:
    """When to try again after the `failures`-th failure in a row.

    The same seed and count give the same time, so that a restart does not draw again.
    """
    pause_s = PERMANENT_RETRY_S if permanent else min(PERMANENT_RETRY_S, TRANSIENT_RETRY_S * 2 ** max(0, failures - 1))
    draw = int.from_bytes(hashlib.sha256(f"{seed}/{failures}".encode()).digest()[:8], "big") / 2**64
    return failed_ms + round(pause_s * 1000 * (1 - JITTER + 2 * JITTER * draw))


def _crontab(expression: str, zone: tzinfo) -> Any:
    """An APScheduler trigger. Raises ValueError for what is no crontab expression."""
    # Comes in with the first session that has times: the daemon's start need not wait for it.
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(expression, timezone=zone)
