"""Serialized examples say what encoded ones say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from client_lib import InvalidArgument
from client_lib.collection import add_request
from client_lib.encoding import encode
from client_lib.serializing import serialize
from insitu.v1.collection_pb2 import AddRequest
from insitu.v1.example_pb2 import Example

NAMES = st.text(min_size=1, max_size=300)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=32, allow_nan=False)
VALUES = (
    st.booleans()
    | st.integers(0, 200)
    | INTEGERS
    | FLOATS
    | st.text(max_size=20)
    | st.binary(max_size=300)
    | st.lists(INTEGERS)
    | st.lists(FLOATS, max_size=100)
    | st.lists(st.lists(FLOATS, min_size=1, max_size=3), max_size=3)
    | arrays.arrays(st.sampled_from(["<f4", ">f4", "<f2", "<i4", "?"]), arrays.array_shapes(min_dims=0, min_side=0))
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_the_same_example_as_encoded(features: dict[str, Any]) -> None:
    # As bytes: NaN differs from itself, and maps have no order.
    found, expected = Example.FromString(serialize(features)), encode(features)
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 127, 128, 5000, 100_000])
def test_arrays_of_every_length_of_length(size: int) -> None:
    features = {"x": np.arange(size, dtype=np.float32), "y": np.arange(size, dtype=np.float32).tolist()}
    assert Example.FromString(serialize(features)) == encode(features)


def test_beyond_float32_is_infinite_either_way() -> None:
    features = {"x": [1e300, -1e300], "y": np.array([1e30], np.float32)}
    assert Example.FromString(serialize(features)) == encode(features)


@pytest.mark.parametrize(
    "features",
    [None, [("x", 1)], {1: 2.0}, {"": 1}, {"x": None}, {"x": [1.0, None]}, {"x": 2**63}, {"x": np.array([1j])}],
)
def test_refused_with_the_same_words(features: Any) -> None:
    with pytest.raises(InvalidArgument) as expected:
        encode(features)
    with pytest.raises(InvalidArgument) as found:
        serialize(features)
    assert str(found.value) == str(expected.value)
    assert found.value.field == expected.value.field


def test_a_name_that_is_no_text_is_refused() -> None:
    for value in (1, 1.5, np.zeros(3, np.float32)):
        with pytest.raises(InvalidArgument):
            serialize({"\ud800": value})


def test_a_request_holds_its_examples() -> None:
    examples = [{"x": [0.5] * 64, "label": number} for number in range(300)]
    request = AddRequest.FromString(add_request("words", list(map(serialize, examples)), "me").SerializeToString())
    assert list(request.examples) == [encode(example) for example in examples]
    assert (request.collection, len(request.idempotency_key), request.account) == ("words", 16, "me")
