"""When a session is due."""

from datetime import UTC, datetime

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from insitu.v1.training_pb2 import Cadence, OneOff
from platform_daemon.errors import InvalidArgument
from platform_daemon.training.cadence import (
    AHEAD_MS,
    JITTER,
    PERMANENT_RETRY_S,
    TRANSIENT_RETRY_S,
    believed_ms,
    believed_retry_ms,
    check_cadence,
    next_due_ms,
    repeats,
    retry_at_ms,
)

NOON_MS = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000


def hourly() -> Cadence:
    return Cadence(continuous=Duration(seconds=3600))


def test_continuous_is_due_at_once_and_then_after_a_rest() -> None:
    first = next_due_ms(hourly(), created_ms=NOON_MS, last_started_ms=0, last_ended_ms=0)
    assert first == NOON_MS
    again = next_due_ms(hourly(), created_ms=NOON_MS, last_started_ms=NOON_MS, last_ended_ms=NOON_MS + 5000)
    assert again == NOON_MS + 5000 + HOUR_MS


def test_times_are_local_and_a_missed_one_stays_due() -> None:
    nightly = Cadence(times="0 3 * * *")
    due = next_due_ms(nightly, created_ms=NOON_MS, last_started_ms=0, last_ended_ms=0, zone=UTC)
    assert datetime.fromtimestamp(due / 1000, UTC) == datetime(2026, 3, 2, 3, tzinfo=UTC)
    started_late = due + 5 * HOUR_MS
    after = next_due_ms(nightly, created_ms=NOON_MS, last_started_ms=started_late, last_ended_ms=started_late, zone=UTC)
    assert datetime.fromtimestamp(after / 1000, UTC) == datetime(2026, 3, 3, 3, tzinfo=UTC)


def test_one_off_is_due_once() -> None:
    cadence = Cadence(one_off=OneOff())
    assert next_due_ms(cadence, created_ms=NOON_MS, last_started_ms=0, last_ended_ms=0) == NOON_MS
    assert not repeats(cadence)
    assert repeats(hourly())


@pytest.mark.parametrize(
    ("cadence", "told"),
    [
        (Cadence(), "choose continuous, times or one_off"),
        (Cadence(times="whenever"), "five fields"),
        (Cadence(times="0 0 30 2 *"), "no day that exists"),
        (Cadence(continuous=Duration(seconds=-1)), "negative"),
    ],
)
def test_what_can_never_be_due_is_refused(cadence: Cadence, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told) as caught:
        check_cadence(cadence)
    assert caught.value.field is not None


@given(failures=st.integers(1, 30), permanent=st.booleans(), seed=st.text(max_size=5))
def test_retries_back_off_within_bounds_and_do_not_draw_again(failures: int, permanent: bool, seed: str) -> None:
    at_ms = retry_at_ms(NOON_MS, failures, permanent, seed)
    assert at_ms == retry_at_ms(NOON_MS, failures, permanent, seed)
    pause_s = (at_ms - NOON_MS) / 1000
    assert TRANSIENT_RETRY_S * (1 - JITTER) <= pause_s <= PERMANENT_RETRY_S * (1 + JITTER)
    if permanent:
        assert pause_s >= PERMANENT_RETRY_S * (1 - JITTER)


def test_times_that_lie_ahead_are_not_believed() -> None:
    """A wall clock that once stood ahead must not make a session wait until it is right."""
    assert believed_ms(NOON_MS, NOON_MS) == NOON_MS
    assert believed_ms(NOON_MS + AHEAD_MS, NOON_MS) == NOON_MS + AHEAD_MS
    assert believed_ms(NOON_MS + AHEAD_MS + 1, NOON_MS) == 0
    latest_ms = retry_at_ms(NOON_MS, 30, True, "") + 2 * round(PERMANENT_RETRY_S * 1000 * JITTER)
    assert believed_retry_ms(retry_at_ms(NOON_MS, 30, True, ""), NOON_MS) == retry_at_ms(NOON_MS, 30, True, "")
    assert believed_retry_ms(latest_ms + AHEAD_MS + 2, NOON_MS) == 0
