"""The life of a session."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insitu.v1.training_pb2 import SessionState
from platform_daemon.training.states import ACTIVE, ENDED, Event, IllegalTransition, State, advance, recovered


def test_states_are_those_of_the_protocol() -> None:
    assert {state.name: state.value for state in State} == {
        name: number for name, number in SessionState.items() if number
    }


def test_a_run_from_creation_to_rest() -> None:
    state = State.CREATED
    for event in (Event.SCHEDULED, Event.STARTED, Event.SUSPENDED, Event.STARTED, Event.EVALUATION_BEGAN):
        state = advance(state, event)
    assert advance(advance(state, Event.COMMITTED), Event.RESTED) is State.WAITING
    assert advance(advance(state, Event.KEPT_OLD), Event.FINISHED) is State.DONE


@pytest.mark.parametrize("state", [state for state in State if state is not State.STOPPED])
def test_everything_can_be_stopped(state: State) -> None:
    assert advance(state, Event.STOPPED) is State.STOPPED


@pytest.mark.parametrize("event", Event)
def test_nothing_leaves_stopped(event: Event) -> None:
    with pytest.raises(IllegalTransition):
        advance(State.STOPPED, event)


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_parameters_go_live_only_after_evaluation(events: list[Event]) -> None:
    state, path = State.CREATED, [State.CREATED]
    for event in events:
        try:
            state = advance(state, event)
        except IllegalTransition:
            continue
        path.append(state)
    for before, after in itertools.pairwise(path):
        if after in {State.COMMITTED, State.KEPT_OLD}:
            assert before is State.EVALUATING


@pytest.mark.parametrize("state", State)
def test_a_killed_daemon_leaves_no_session_active(state: State) -> None:
    for has_checkpoint in (False, True):
        found = recovered(state, has_checkpoint)
        assert found not in ACTIVE
        assert found is state or state in ACTIVE
    assert not ENDED & ACTIVE
