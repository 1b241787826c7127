"""Columns as they travel."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from client_lib import InvalidArgument
from client_lib.columns import to_column
from ml_engines.tensors import from_tensor

DTYPES = ["<f4", "<f8", "<f2", ">f4", "<i8", "<i4", "<i2", "u1", "bool"]


@given(st.sampled_from(DTYPES).flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=4))))
def test_an_array_arrives_as_it_left(array: np.ndarray[Any, Any]) -> None:
    received = from_tensor(to_column("x", array))
    assert received.shape == array.shape
    np.testing.assert_array_equal(received, array)


@given(arrays.arrays("<f4", arrays.array_shapes(max_dims=3, max_side=4)))
def test_nested_lists_are_arrays_too(array: np.ndarray[Any, Any]) -> None:
    received = from_tensor(to_column("x", array.tolist()))
    assert received.shape == array.shape
    np.testing.assert_array_equal(received, array)


def test_what_holds_no_numbers_is_a_column_as_well() -> None:
    assert from_tensor(to_column("word", ["a", b"b"])).tolist() == [b"a", b"b"]
    assert from_tensor(to_column("word", np.array([["a"], ["b"]]))).tolist() == [[b"a"], [b"b"]]
    assert from_tensor(to_column("known", [True, 2])).tolist() == [1, 2]


def test_integers_of_numpy_stay_integers_up_to_the_last_of_int64() -> None:
    last = (1 << 63) - 1
    for column in (np.array([1, last], "<u8"), [np.uint64(1), np.uint64(last)], [1, np.int64(last)]):
        assert from_tensor(to_column("x", column)).tolist() == [1, last]
    assert from_tensor(to_column("x", np.zeros((0, 2), "<u8"))).shape == (0, 2)


def test_rows_may_be_arrays() -> None:
    received = from_tensor(to_column("x", [np.array([1, 2]), [3, 4], np.array([5, 6], "<u8")]))
    assert received.tolist() == [[1, 2], [3, 4], [5, 6]]


def nested(levels: int) -> object:
    return [nested(levels - 1)] if levels else 1.0


@pytest.mark.parametrize(
    "column",
    [
        [[1.0], [1.0, 2.0]],
        [[1.0], 2.0],
        [None],
        [{}],
        np.zeros(2, "<c8"),
        [1 << 70],
        np.array([1, 1 << 63], "<u8"),
        np.array([1 << 63], ">u8"),
        [np.uint64(1 << 63)],
        [np.array([1.0]), np.array([1.0, 2.0])],
        [1.0, np.array([1.0, 2.0])],
        ["\ud800"],
        np.array(["\ud800"]),
        nested(33),
        object(),
    ],
)
def test_what_is_no_column_is_refused_by_name(column: object) -> None:
    with pytest.raises(InvalidArgument, match="'x'") as refusal:
        to_column("x", column)
    assert refusal.value.field == "x"
