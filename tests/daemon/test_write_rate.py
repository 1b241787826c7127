"""How fast an app may write, on a clock that the test turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.write_rate import BURST_S, WriteRate, WriteRates

RATES = WriteRates(calls=10, examples=100)


def wait_s(rate: WriteRate, enclave: int = 1, examples: int = 1) -> float:
    """How long the app is told to wait; 0 if it may write."""
    try:
        rate.admit(enclave, examples)
    except ResourceExhausted as error:
        return float(error.detail or "nan")
    return 0.0


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = ManualClock()
    rate = WriteRate(clock, RATES)
    burst = int(RATES.calls * BURST_S)
    assert [wait_s(rate) for _ in range(burst)] == [0.0] * burst
    with pytest.raises(ResourceExhausted, match="writes faster than 10 calls or 100 examples a second") as caught:
        rate.admit(1, 1)
    assert caught.value.reason == "QUOTA_RATE"
    passed = 0
    for _ in range(100):
        clock.advance(0.1)
        passed += sum(wait_s(rate) == 0 for _ in range(5))
    assert passed == 100


def test_a_large_batch_passes_and_what_follows_waits_the_longer() -> None:
    clock = ManualClock()
    rate = WriteRate(clock, RATES)
    assert wait_s(rate, examples=1500) == 0
    owed_s = wait_s(rate)
    assert owed_s == pytest.approx((1500 - 100 * BURST_S) / 100)
    clock.advance(owed_s - 0.01)
    assert wait_s(rate) > 0
    clock.advance(0.02)
    assert wait_s(rate) == 0


def test_apps_do_not_pay_for_each_other() -> None:
    rate = WriteRate(ManualClock(), RATES)
    rate.admit(1, 10_000)
    assert wait_s(rate, enclave=1) > 0
    assert wait_s(rate, enclave=2) == 0


def test_a_jump_of_the_wall_clock_gives_nothing_and_takes_nothing() -> None:
    clock = ManualClock()
    rate = WriteRate(clock, RATES)
    rate.admit(1, 10_000)
    owed_s = wait_s(rate)
    for seconds in (86_400, -86_400 * 3650):
        clock.jump(seconds)
        assert wait_s(rate) == owed_s


def test_apps_that_stopped_are_forgotten_and_those_that_owe_are_not() -> None:
    clock = ManualClock()
    rate = WriteRate(clock, RATES)
    rate.admit(0, 10_000)
    for enclave in range(1, 3000):
        rate.admit(enclave, 1)
        clock.advance(0.05)
    assert len(rate._calls) < 1200
    rate.admit(3000, 10**9)
    assert wait_s(rate, enclave=3000) > 0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 400)), min_size=1, max_size=60))
def test_in_the_long_run_no_more_passes_than_is_allowed(calls: list[tuple[float, int]]) -> None:
    clock = ManualClock()
    rate = WriteRate(clock, RATES)
    elapsed_s, passed, stored, last = 0.0, 0, 0, 0
    for pause_s, examples in calls:
        clock.advance(pause_s)
        elapsed_s += pause_s
        told_s = wait_s(rate, examples=examples)
        if told_s == 0:
            passed, stored, last = passed + 1, stored + examples, examples
    assert passed <= RATES.calls * (BURST_S + elapsed_s) + 1
    assert stored - last <= RATES.examples * (BURST_S + elapsed_s) + 1
