"""When the wall clock is believed. Values and keys are judged in `test_clock_jumps.py`."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_daemon.store import timekeeping
from platform_daemon.store.timekeeping import (
    AGREEMENT_MS,
    MOST_ERAS,
    NEVER_MS,
    SLACK_MS,
    Reading,
    Timekeeping,
    begin,
    begin_anew,
    observe,
    tidied,
    unhidden,
)
from tests.store.samples import DAY_MS, HOUR_MS

START_MS = 1_700_000_000_000
DECADE_MS = 3650 * DAY_MS


class Clocks:
    """The clocks of a device, and what is made of them."""

    def __init__(self) -> None:
        self.reading = Reading(START_MS, 60_000, "boot 1", False)
        self.state = begin(self.reading)
        self.keys = 1

    def look(self) -> Timekeeping:
        self.keys += 1
        self.state = observe(self.state, self.reading, self.keys)
        return self.state

    def run(self, ms: int) -> Timekeeping:
        wall_ms, boottime_ms = self.reading.wall_ms + ms, self.reading.boottime_ms + ms
        self.reading = replace(self.reading, wall_ms=wall_ms, boottime_ms=boottime_ms)
        return self.look()

    def jump(self, ms: int) -> Timekeeping:
        self.reading = replace(self.reading, wall_ms=self.reading.wall_ms + ms)
        return self.look()

    def boot(self, off_ms: int) -> Timekeeping:
        boot_id = f"{self.reading.boot_id}1"
        self.reading = Reading(self.reading.wall_ms + off_ms + 5000, 5000, boot_id, self.reading.synchronised)
        return self.look()

    def synchronise(self, yes: bool = True) -> Timekeeping:
        self.reading = replace(self.reading, synchronised=yes)
        return self.look()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_clocks_that_agree_are_confirmed(clocks: Clocks) -> None:
    state = clocks.run(30 * DAY_MS)
    assert state.unconfirmed_since_ms is None
    assert state.confirmed_ms == state.wall_ms == START_MS + 30 * DAY_MS
    assert len(state.eras) == 1


@pytest.mark.parametrize("drift_ms", [-SLACK_MS + 1, SLACK_MS - 1])
def test_small_corrections_are_no_jumps(clocks: Clocks, drift_ms: int) -> None:
    assert clocks.jump(drift_ms).lead_ms == 0
    assert len(clocks.state.eras) == 1


@pytest.mark.parametrize("jump_ms", [-DECADE_MS, -DAY_MS, -SLACK_MS, SLACK_MS, DAY_MS, DECADE_MS])
def test_a_jump_is_not_confirmed_by_itself(clocks: Clocks, jump_ms: int) -> None:
    state = clocks.jump(jump_ms)
    assert (state.lead_ms, state.unconfirmed_since_ms) == (jump_ms, START_MS + jump_ms)
    assert state.confirmed_ms == START_MS


@pytest.mark.parametrize("jump_ms", [-DECADE_MS, -DAY_MS, -HOUR_MS, HOUR_MS, DAY_MS, DECADE_MS])
def test_agreement_confirms_it(clocks: Clocks, jump_ms: int) -> None:
    needs_ms = clocks.jump(jump_ms).needs_ms
    assert needs_ms == min(abs(jump_ms), AGREEMENT_MS)
    assert clocks.run(needs_ms - 1).unconfirmed_since_ms is not None
    state = clocks.run(1)
    assert state.unconfirmed_since_ms is None
    assert state.confirmed_ms == START_MS + needs_ms + max(0, jump_ms)


@pytest.mark.parametrize("jump_ms", [-DECADE_MS, -DAY_MS, DAY_MS, DECADE_MS])
def test_the_kernel_confirms_it_at_once(clocks: Clocks, jump_ms: int) -> None:
    clocks.jump(jump_ms)
    state = clocks.synchronise()
    assert state.unconfirmed_since_ms is None
    assert state.confirmed_ms == START_MS + max(0, jump_ms)


def test_a_jump_begins_the_agreement_anew(clocks: Clocks) -> None:
    clocks.jump(DECADE_MS)
    clocks.run(AGREEMENT_MS - 1)
    assert clocks.jump(DAY_MS).needs_ms == AGREEMENT_MS


def test_starting_the_machine_does_not(clocks: Clocks) -> None:
    """A device that runs an hour a day, without a network, is not in doubt for ever."""
    days = 0
    while clocks.boot(DAY_MS - HOUR_MS).unconfirmed_since_ms and clocks.run(HOUR_MS).unconfirmed_since_ms:
        days += 1
    assert days == 23
    assert clocks.state.confirmed_ms == clocks.reading.wall_ms


def test_but_a_start_that_finds_the_clock_set_back_does(clocks: Clocks) -> None:
    clocks.boot(10 * DAY_MS)
    clocks.run(AGREEMENT_MS - 1)
    assert clocks.boot(-DAY_MS).needs_ms == AGREEMENT_MS


def test_time_between_boots_is_confirmed_later_and_counts_then(clocks: Clocks) -> None:
    state = clocks.boot(10 * DAY_MS)
    assert state.confirmed_ms == START_MS + 5000
    assert state.unconfirmed_since_ms is not None
    state = clocks.run(AGREEMENT_MS)
    assert state.confirmed_ms == state.wall_ms
    assert len(state.eras) == 1


def test_back_where_the_clock_was_confirmed_nothing_is_in_doubt(clocks: Clocks) -> None:
    clocks.jump(DECADE_MS)
    clocks.run(HOUR_MS)
    state = clocks.jump(-DECADE_MS)
    assert state.unconfirmed_since_ms is None
    assert state.confirmed_ms == state.wall_ms == START_MS + HOUR_MS


def test_a_device_that_always_starts_in_1970_counts_on(clocks: Clocks) -> None:
    """No battery keeps its clock, no network corrects it: what it runs is what it knows."""
    for _ in range(5):
        clocks.boot(-clocks.reading.wall_ms)
        clocks.run(AGREEMENT_MS)
        assert clocks.state.unconfirmed_since_ms is None
    assert clocks.state.confirmed_ms == START_MS + 5 * (AGREEMENT_MS + 5000)


def test_what_was_stored_under_a_wrong_clock_keeps_its_time(clocks: Clocks) -> None:
    clocks.jump(DECADE_MS)
    wrong = clocks.keys
    state = clocks.jump(-DECADE_MS)
    assert state.ended_ms(state.era_of(wrong)) == START_MS + DECADE_MS
    state = clocks.run(DAY_MS)
    assert state.ended_ms(state.era_of(wrong)) == START_MS + DECADE_MS + DAY_MS
    # Nor does a real absence make the wrong time right.
    clocks.boot(DAY_MS)
    state = clocks.synchronise()
    assert state.ended_ms(state.era_of(wrong)) == START_MS + DECADE_MS + 2 * DAY_MS + 5000


def test_what_was_stored_while_the_time_was_in_doubt_ages_from_then_on(clocks: Clocks) -> None:
    clocks.boot(10 * DAY_MS)
    doubted, stored_ms = clocks.keys, clocks.reading.wall_ms
    clocks.run(HOUR_MS)
    state = clocks.synchronise()
    assert state.ended_ms(state.era_of(doubted)) == stored_ms + HOUR_MS
    assert state.ended_ms(state.era_of(0)) == stored_ms + HOUR_MS


def test_lost_knowledge_destroys_nothing_until_the_time_is_confirmed(clocks: Clocks) -> None:
    state = begin_anew(clocks.reading, 7)
    old, new = state.era_of(6), state.era_of(7)
    assert state.hidden_ms(old) == START_MS
    assert state.ended_ms(old) == 0
    assert state.ended_ms(new) == START_MS
    clocks.state = state
    state = clocks.synchronise()
    assert state.ended_ms(state.era_of(6)) == START_MS


def test_an_era_without_keys_is_forgotten(clocks: Clocks) -> None:
    clocks.jump(DECADE_MS)
    clocks.jump(-DECADE_MS)
    first, middle, last = clocks.state.eras
    assert tidied(clocks.state, [middle.first_key, last.first_key + 9]).eras == (middle, last)
    assert tidied(clocks.state, []).eras == (last,)
    assert tidied(clocks.state, [first.first_key]).eras == (first, last)


def test_a_clock_that_never_stops_jumping_fills_no_memory(clocks: Clocks) -> None:
    for number in range(2 * MOST_ERAS):
        clocks.jump(DAY_MS if number % 2 else -DAY_MS)
    assert len(clocks.state.eras) == MOST_ERAS
    oldest = clocks.state.eras[0]
    assert (oldest.first_key, clocks.state.hidden_ms(oldest)) == (0, NEVER_MS)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("jump"), st.sampled_from([-DECADE_MS, -DAY_MS, HOUR_MS, DAY_MS, DECADE_MS])),
            st.tuples(st.just("boot"), st.sampled_from([-DAY_MS, 0, DAY_MS])),
            st.tuples(st.just("run"), st.sampled_from([1000, HOUR_MS, AGREEMENT_MS])),
            st.tuples(st.just("synchronise"), st.booleans()),
        ),
        min_size=10,
        max_size=60,
    )
)
def test_no_key_dies_earlier_because_eras_were_too_many(steps: list[tuple[str, int]]) -> None:
    clocks, exact = Clocks(), Clocks()
    for name, value in steps:
        with pytest.MonkeyPatch.context() as few:
            few.setattr(timekeeping, "MOST_ERAS", 3)
            getattr(clocks, name)(value)
        getattr(exact, name)(value)
        assert clocks.state.confirmed_ms == exact.state.confirmed_ms
        for key in range(clocks.keys):
            joined, own = clocks.state.era_of(key), exact.state.era_of(key)
            assert clocks.state.ended_ms(joined) <= exact.state.ended_ms(own)
            assert clocks.state.hidden_ms(joined) >= exact.state.hidden_ms(own)


def test_a_clock_that_goes_to_and_fro_destroys_nothing(clocks: Clocks) -> None:
    for number in range(2 * MOST_ERAS):
        clocks.jump(-DECADE_MS if number % 2 else DECADE_MS)
    assert clocks.state.ended_ms(clocks.state.era_of(0)) <= clocks.state.confirmed_ms == START_MS
    assert unhidden(clocks.state).hidden_ms(clocks.state.eras[0]) == NEVER_MS


def test_the_owner_can_say_that_the_clock_was_wrong(clocks: Clocks) -> None:
    clocks.jump(DECADE_MS)
    state = clocks.jump(-DECADE_MS)
    before = state.era_of(0)
    assert state.hidden_ms(before) == START_MS + DECADE_MS
    state = unhidden(state)
    assert state.hidden_ms(state.era_of(0)) == START_MS
