"""Examples that are alike: the quick way gives what the usual way gives, or nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example as such_as
from hypothesis import given
from hypothesis import strategies as st

from insitu.v1 import example_pb2 as ex
from insitu.v1.plan_pb2 import Feed
from ml_engines import uniform
from ml_engines.feeds import Feeds
from tests.engines.test_feeds import LABEL, X, example

_FLOATS = st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2)
_ROWS = st.lists(st.tuples(_FLOATS, st.integers(-3, 300)), min_size=8, max_size=20)
HALF = Feed(feature="label", input="half", dtype=ex.DATA_TYPE_FLOAT32)


@given(_ROWS)
def test_rows_are_what_they_are_one_by_one(rows: list[tuple[list[float], int]]) -> None:
    encoded = [example(x=x, label=[label]) for x, label in rows]
    feeds = Feeds([X, LABEL, HALF])
    together = feeds.batch(encoded)
    for name, array in together.items():
        alone = np.concatenate([feeds.batch([one])[name] for one in encoded])
        assert (array.dtype, array.shape) == (alone.dtype, alone.shape)
        np.testing.assert_array_equal(array, alone)


def test_what_is_alike_is_decoded_at_once() -> None:
    encoded = [example(x=[row / 2, -row], label=[row]) for row in range(100)]
    decoded = uniform.decode(encoded)
    assert decoded["x"].tolist() == [[row / 2, -row] for row in range(100)]
    assert decoded["label"].tolist() == [[row] for row in range(100)]


ODD = {
    "a number of two bytes": example(x=[1.0, 2.0], label=[200]),
    "a negative number": example(x=[1.0, 2.0], label=[-1]),
    "another name": example(x=[1.0, 2.0], lapel=[3]),
    "a feature less": example(x=[1.0, 2.0]),
    "another size": example(x=[1.0, 2.0, 3.0], label=[1]),
    "integers for floats": example(x=[1, 2], label=[1]),
    "bytes for floats": example(x=[b"abcdefgh"], label=[1]),
    "a name twice": example(x=[1.0, 2.0], label=[3]) + example(label=[4]),
    "nothing": b"",
    "no message": b"\xff" * 10,
}


@pytest.mark.parametrize("odd", ODD)
def test_one_that_differs_sends_all_the_usual_way(odd: str) -> None:
    encoded = [example(x=[row / 2, -row], label=[3]) for row in range(10)]
    for mixed in ([*encoded, ODD[odd]], [ODD[odd], *encoded]):
        with pytest.raises(uniform.NotUniform):
            uniform.decode(mixed)


def test_of_two_with_one_name_the_last_counts_as_ever() -> None:
    twice = example(x=[1.0, 2.0], label=[3]) + example(x=[5.0, 6.0])
    assert Feeds([X]).batch([twice] * 9)["x"].tolist() == [[5.0, 6.0]] * 9


@given(st.binary(max_size=60), st.integers(8, 10))
@such_as(b"\x0a\x00", 8)
def test_no_bytes_are_read_otherwise_than_by_the_parser(data: bytes, count: int) -> None:
    try:
        decoded = uniform.decode([data] * count)
    except uniform.NotUniform:
        return
    features: Any = ex.Example.FromString(data).features.feature
    assert sorted(features) == sorted(decoded)
    for name, numbers in decoded.items():
        kind = "float_list" if numbers.dtype.kind == "f" else "int64_list"
        np.testing.assert_array_equal(numbers, [np.array(getattr(features[name], kind).value, numbers.dtype)] * count)
