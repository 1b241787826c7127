"""Measures against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insitu_cli.demo.data import Rows
from insitu_cli.demo.measures import accuracy, pairwise_accuracy
from insitu_cli.demo.measuring import misread


def test_accuracy_is_the_share_of_right_answers() -> None:
    assert accuracy([1, 2, 3, 4], [1, 2, 0, 4]) == 0.75


@pytest.mark.parametrize(
    ("scores", "relevant", "expected"),
    [
        ([0.9, 0.8, 0.1], [True, True, False], 1.0),
        ([0.1, 0.8, 0.9], [True, False, False], 0.0),
        # Pairs: 0.9 over 0.5 and over 0.7 are right, 0.6 over 0.5 is right, 0.6 over 0.7 is wrong.
        ([0.9, 0.6, 0.5, 0.7], [True, True, False, False], 0.75),
        ([0.5, 0.5], [True, False], 0.5),
    ],
)
def test_pairwise_accuracy_by_hand(scores: list[float], relevant: list[bool], expected: float) -> None:
    assert pairwise_accuracy(scores, relevant) == expected


@pytest.mark.parametrize("relevant", [[True, True], [False, False]])
def test_a_list_of_one_kind_orders_nothing(relevant: list[bool]) -> None:
    with pytest.raises(ValueError, match="relevant and an irrelevant"):
        pairwise_accuracy([0.1, 0.2], relevant)


@given(scores=st.lists(st.integers(-5, 5), min_size=2, max_size=12), wanted=st.integers(1, 11))
def test_reversing_the_scores_reverses_the_measure(scores: list[int], wanted: int) -> None:
    relevant = np.arange(len(scores)) < min(wanted, len(scores) - 1)
    assert pairwise_accuracy(scores, relevant) + pairwise_accuracy([-score for score in scores], relevant) == 1


def test_misread_digits_are_spread_and_shown_whatever_they_are_read_as_now() -> None:
    test = Rows(np.zeros((5, 64), np.float32), np.array([1, 2, 3, 4, 5]))
    before, after = np.array([0, 2, 0, 0, 0]), np.array([1, 2, 0, 4, 5])
    found = [(digit.label, digit.before, digit.after) for digit in misread(test, before, after, 2)]
    assert found == [(1, 0, 1), (4, 0, 4)]
    assert len(list(misread(test, before, after, 9))) == 4
