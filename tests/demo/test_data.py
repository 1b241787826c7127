"""Who sees which rows: the test shares stay out of what the developer and the device get."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insitu_cli.demo import data


@given(count=st.integers(0, 200), developer=st.integers(0, 250))
def test_a_split_gives_every_row_to_one_share(count: int, developer: int) -> None:
    order = np.random.default_rng(count).permutation(count)
    parts = data.split(order, developer)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))


def test_the_developer_has_the_first_rows_and_every_third_of_the_rest_is_tested() -> None:
    developer, user, test = data.split(np.array([5, 3, 0, 1, 4, 2]), developer=2)
    assert developer.tolist() == [5, 3]
    assert user.tolist() == [1, 4]
    assert test.tolist() == [0, 2]


@pytest.mark.parametrize("load", [data.digits, data.breast_cancer, data.wine])
def test_no_row_is_in_two_shares(load: Callable[[], data.Shares]) -> None:
    shares = load()
    seen = [{row.tobytes() for row in rows.inputs} for rows in (shares.developer, shares.user, shares.test)]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert all(len(rows) for rows in (shares.developer, shares.user, shares.test))


@pytest.mark.parametrize("load", [data.breast_cancer, data.wine])
def test_tables_are_scaled_by_what_the_developer_knows(load: Callable[[], data.Shares]) -> None:
    known = load().developer.inputs
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-5)


def test_data_is_the_same_each_time() -> None:
    np.testing.assert_array_equal(data.wine().test.inputs, data.wine().test.inputs)
