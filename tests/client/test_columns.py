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


@pytest.mark.parametrize(
    "column", [[[1.0], [1.0, 2.0]], [[1.0], 2.0], [None], [{}], np.zeros(2, "<c8"), [1 << 70], object()]
)
def test_what_is_no_column_is_refused_by_name(column: object) -> None:
    with pytest.raises(InvalidArgument, match="'x'") as refusal:
        to_column("x", column)
    assert refusal.value.field == "x"
