"""Python values to examples: a round trip for what can be encoded, the feature's name for what cannot."""

import enum
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from client_lib import InvalidArgument
from client_lib.encoding import decode, encode
from insitu.v1.example_pb2 import Example

NAMES = st.text(min_size=1, max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=32, allow_nan=False)
TEXTS = st.text(max_size=20) | st.binary(max_size=20)
VALUES = (
    st.booleans()
    | INTEGERS
    | FLOATS
    | TEXTS
    | st.lists(INTEGERS)
    | st.lists(st.booleans())
    | st.lists(FLOATS)
    | st.lists(TEXTS)
)


def plain(value: Any) -> list[Any]:
    """What an example holds of a value."""
    values = value if isinstance(value, list) else [value]
    return [item.encode() if isinstance(item, str) else item for item in values]


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_round_trip(features: dict[str, Any]) -> None:
    wire = encode(features).SerializeToString()
    assert decode(Example.FromString(wire)) == {name: plain(value) for name, value in features.items()}


@given(st.lists(st.lists(FLOATS, min_size=2, max_size=2), max_size=4))
def test_nested_lists_are_flattened(rows: list[list[float]]) -> None:
    assert decode(encode({"x": rows}))["x"] == [value for row in rows for value in row]


@given(arrays.arrays(arrays.floating_dtypes(), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_float_arrays_equal_their_lists(array: np.ndarray[Any, Any]) -> None:
    with np.errstate(over="ignore"):
        expected = array.astype(np.float32).ravel().tolist()
        found = decode(encode({"x": array}))["x"]
    assert struct.pack(f"{len(found)}f", *found) == struct.pack(f"{len(expected)}f", *expected)


@given(arrays.arrays(st.sampled_from(["?", "<i1", "<u2", "<i4", ">i8"]), arrays.array_shapes(min_side=0)))
def test_integer_arrays_equal_their_lists(array: np.ndarray[Any, Any]) -> None:
    assert decode(encode({"x": array}))["x"] == array.ravel().tolist()


def test_large_array_has_a_valid_length() -> None:
    array = np.arange(100_000, dtype=np.float64)
    assert decode(encode({"x": array}))["x"] == array.tolist()


def test_a_transposed_array_goes_row_by_row() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert decode(encode({"x": array}))["x"] == [0, 3, 1, 4, 2, 5]


class Colour(enum.IntEnum):
    RED = 1


class Unit(enum.StrEnum):
    METRE = "m"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, [1]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, 2], [1, 2]),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        ("ä", ["ä".encode()]),
        (["a", b"b"], [b"a", b"b"]),
        (bytearray(b"x"), [b"x"]),
        (Colour.RED, [1]),
        ([Colour.RED, 2], [1, 2]),
        (Unit.METRE, [b"m"]),
        (np.float64(0.5), [0.5]),
        (np.int32(7), [7]),
        (np.bool_(True), [1]),
        ([np.float32(0.5), 1.0], [0.5, 1.0]),
        ([np.array([1, 2]), np.array([3, 4])], [1, 2, 3, 4]),
        (np.array(["a", "b"]), [b"a", b"b"]),
        (np.array([1, 2], dtype=object), [1, 2]),
        ([], []),
        ([[], []], []),
        (np.zeros((0, 3), dtype=np.float32), []),
        (math.inf, [math.inf]),
    ],
)
def test_kinds(value: Any, expected: list[Any]) -> None:
    assert decode(encode({"x": value}))["x"] == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "None"),
        ([1, None], "None"),
        ({"a": 1}, "dict"),
        (object(), "object"),
        ([1, "a"], "mixes int, str"),
        ([[1.0], ["a"]], "mixes float, str"),
        (2**63, ""),
        ([2**63], ""),
        ("\ud800", ""),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        (np.array([1j]), "complex"),
        (np.array([None]), "None"),
    ],
)
def test_what_cannot_be_encoded_is_named(value: Any, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"feature 'label' cannot be encoded.*{why}") as caught:
        encode({"x": 1.0, "label": value})
    assert caught.value.field == "label"


def test_list_within_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArgument, match="'x'"):
        encode({"x": endless})


@pytest.mark.parametrize("example", [None, [("x", 1)], "x", {1: 2.0}, {"": 1}])
def test_what_is_no_example(example: Any) -> None:
    with pytest.raises(InvalidArgument):
        encode(example)
