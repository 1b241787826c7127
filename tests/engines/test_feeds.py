"""From examples to inputs."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insitu.v1 import example_pb2 as ex
from insitu.v1.plan_pb2 import Feed
from ml_engines.errors import BadInput, FeatureMissing
from ml_engines.feeds import Feeds
from ml_engines.tensors import to_tensor


def feature(values: list[Any]) -> ex.Feature:
    match values[0] if values else 0.0:
        case bytes():
            return ex.Feature(bytes_list=ex.BytesList(value=values))
        case int():
            return ex.Feature(int64_list=ex.Int64List(value=values))
        case _:
            return ex.Feature(float_list=ex.FloatList(value=values))


def features(**values: list[Any]) -> ex.Features:
    return ex.Features(feature={name.replace("__", ":"): feature(value) for name, value in values.items()})


def example(**values: list[Any]) -> bytes:
    return ex.Example(features=features(**values)).SerializeToString()


def context(name: str, values: list[Any]) -> ex.Features:
    return ex.Features(feature={name: feature(values)})


X = Feed(feature="x", input="x", dtype=ex.DATA_TYPE_FLOAT32, shape=[2])
LABEL = Feed(feature="label", input="y", dtype=ex.DATA_TYPE_INT32)
CHARGING = Feed(feature="context:power.charging", input="charging", dtype=ex.DATA_TYPE_FLOAT32)


def with_default(feed: Feed, values: list[Any]) -> Feed:
    copy = Feed()
    copy.CopyFrom(feed)
    copy.default.CopyFrom(feature(values))
    return copy


_FLOATS = st.floats(width=32, allow_nan=False)


@settings(deadline=None)
@given(st.lists(st.tuples(_FLOATS, _FLOATS, st.integers(-(2**31), 2**31 - 1)), min_size=1, max_size=9))
def test_rows_come_out_as_they_went_in(rows: list[tuple[float, float, int]]) -> None:
    arrays = Feeds([X, LABEL]).batch([example(x=[a, b], label=[label]) for a, b, label in rows])
    assert arrays["x"].dtype == np.float32
    assert arrays["y"].dtype == np.int32
    np.testing.assert_array_equal(arrays["x"], np.array([row[:2] for row in rows], "f4"))
    np.testing.assert_array_equal(arrays["y"], [row[2] for row in rows])


@settings(deadline=None)
@given(
    st.lists(st.lists(_FLOATS, max_size=40), min_size=1, max_size=5),
    st.integers(0, 3),
    st.sampled_from([ex.DATA_TYPE_FLOAT32, ex.DATA_TYPE_FLOAT64]),
)
def test_only_the_declared_number_of_values_passes(rows: list[list[float]], count: int, dtype: int) -> None:
    feed = Feed(feature="x", input="x", shape=[count, 2])
    feed.dtype = dtype  # type: ignore[assignment]
    feeds = Feeds([feed])
    examples = [example(x=row) for row in rows]
    if all(len(row) == count * 2 for row in rows):
        assert feeds.batch(examples)["x"].shape == (len(rows), count, 2)
    else:
        with pytest.raises(BadInput, match="'x'"):
            feeds.batch(examples)


def test_types_are_numpys() -> None:
    kinds = [
        (ex.DATA_TYPE_BOOL, [1], np.bool_),
        (ex.DATA_TYPE_INT64, [2**40], np.int64),
        (ex.DATA_TYPE_FLOAT64, [0.5], np.float64),
        (ex.DATA_TYPE_BYTES, [b"a"], np.object_),
        (ex.DATA_TYPE_FLOAT32, [3], np.float32),
    ]
    for dtype, values, expected in kinds:
        array = Feeds([Feed(feature="f", input="i", dtype=dtype)]).batch([example(f=values)])["i"]
        assert array.dtype == expected
        assert array.tolist() == values


def test_unpacked_and_split_lists_are_read_as_protobuf_reads_them() -> None:
    # Tag 0x0d is one float outside a packed list; both forms may be mixed.
    value = np.array([1.5, -2.0], "<f4")
    split = b"\x0a\x04" + value[:1].tobytes() + b"\x0d" + value[1:].tobytes()
    blob = ex.Example(features=ex.Features(feature={"x": ex.Feature(float_list=ex.FloatList.FromString(split))}))
    assert Feeds([X]).batch([blob.SerializeToString()])["x"].tolist() == [[1.5, -2.0]]


def test_unknown_fields_do_not_pass_for_values() -> None:
    forged = ex.FloatList.FromString(b"\x0a\x04" + bytes(4) + b"\x12\x02ab")
    assert len(forged.SerializeToString()) == 2 + 4 + 4
    blob = ex.Example(features=ex.Features(feature={"x": ex.Feature(float_list=forged)})).SerializeToString()
    with pytest.raises(BadInput, match="1 values"):
        Feeds([X]).batch([blob])


def test_a_missing_feature_takes_its_default_or_is_named() -> None:
    feeds = Feeds([with_default(X, [7.0, 8.0])])
    assert feeds.batch([example(), example(x=[1.0, 2.0])])["x"].tolist() == [[7, 8], [1, 2]]
    with pytest.raises(FeatureMissing, match="'x' is missing in example 1"):
        Feeds([X]).batch([example(x=[1.0, 2.0]), example(z=[1.0])])


def test_a_feature_without_a_kind_is_missing() -> None:
    empty = ex.Example(features=ex.Features(feature={"x": ex.Feature()})).SerializeToString()
    with pytest.raises(FeatureMissing, match="'x'"):
        Feeds([X]).batch([empty])


@pytest.mark.parametrize(
    ("values", "problem"),
    [([1.5], "floats where"), ([b"3"], "bytes where"), ([1, 2], "2 values"), ([2**31], "does not fit int32")],
)
def test_a_wrong_feature_is_named_with_its_example(values: list[Any], problem: str) -> None:
    with pytest.raises(BadInput, match=f"'label' of example 1.*{problem}"):
        Feeds([LABEL]).batch([example(label=[1]), example(label=values)])


def test_what_is_no_example_is_refused() -> None:
    with pytest.raises(BadInput, match="example 1"):
        Feeds([LABEL]).batch([example(label=[1]), b"\xff\xff"])


def test_context_is_the_same_for_all_rows() -> None:
    arrays = Feeds([X, CHARGING]).batch([example(x=[1.0, 2.0])] * 3, context("context:power.charging", [1.0]))
    assert arrays["charging"].tolist() == [1, 1, 1]


def test_only_injected_context_counts() -> None:
    forged = example(x=[1.0, 2.0], context__power=[0.0])
    app = ex.Example.FromString(forged)
    app.features.feature["context:power.charging"].float_list.value.append(1.0)
    with pytest.raises(FeatureMissing, match=r"context:power\.charging"):
        Feeds([X, CHARGING]).batch([app.SerializeToString()])
    feeds = Feeds([X, with_default(CHARGING, [-1.0])])
    assert feeds.batch([app.SerializeToString()])["charging"].tolist() == [-1]
    with pytest.raises(FeatureMissing, match="'x'"):
        feeds.batch([example()], context("x", [1.0, 2.0]))


def test_ranking_shares_features_that_a_candidate_lacks() -> None:
    shared = example(x=[1.0, 2.0], label=[9])
    arrays = Feeds([X, LABEL]).batch([example(label=[1]), example(x=[3.0, 4.0])], shared=shared)
    assert arrays["x"].tolist() == [[1, 2], [3, 4]]
    assert arrays["y"].tolist() == [1, 9]


def test_training_rows_have_each_their_own_context() -> None:
    feeds = Feeds([LABEL, with_default(CHARGING, [-1.0])])
    contexts = [context("context:power.charging", [0.0]), context("context:power.charging", [1.0])]
    arrays = feeds.rows([example(label=[n]) for n in range(5)], contexts, [2, 0, 1, 2, 1])
    assert arrays["charging"].tolist() == [1, -1, 0, 1, 0]
    with pytest.raises(BadInput, match="context 3"):
        feeds.rows([example(label=[1])], contexts, [3])


@pytest.mark.parametrize(
    ("feeds", "named"),
    [
        ([X, X], "fed twice"),
        ([Feed(feature="x", input="x")], "data type 0"),
        ([Feed(feature="x", input="x", dtype=ex.DATA_TYPE_INT32, shape=[-1])], "negative"),
        ([with_default(X, [1.0])], "default of feature 'x'"),
    ],
)
def test_bad_feeds_are_refused_at_once(feeds: list[Feed], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        Feeds(feeds)


def test_zeros_have_the_right_types() -> None:
    zeros = Feeds([X, LABEL, Feed(feature="s", input="s", dtype=ex.DATA_TYPE_BYTES)]).zeros(2)
    assert {name: (array.shape, array.dtype.kind) for name, array in zeros.items()} == {
        "x": ((2, 2), "f"),
        "y": ((2,), "i"),
        "s": ((2,), "O"),
    }


def table(**columns: np.ndarray) -> list[ex.Tensor]:  # type: ignore[type-arg]
    return [to_tensor(name, column) for name, column in columns.items()]


@given(st.integers(1, 20), st.randoms(use_true_random=False))
def test_columns_feed_what_the_same_rows_feed_as_examples(count: int, random: Random) -> None:
    floats = np.array([[random.random(), random.random()] for _ in range(count)], "<f4")
    labels = np.array([random.randrange(1 << 20) for _ in range(count)], "<i8")
    feeds = Feeds([X, LABEL])
    rows = [example(x=x, label=[label]) for x, label in zip(floats.tolist(), labels.tolist(), strict=True)]
    expected = feeds.batch(rows)
    arrays, number = feeds.table(table(x=floats, label=labels))
    assert number == count
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)


def test_a_column_that_is_missing_takes_the_default_or_is_named() -> None:
    given_only = table(label=np.array([3, 4]))
    arrays, _ = Feeds([with_default(X, [7.0, 8.0]), LABEL]).table(given_only)
    assert arrays["x"].tolist() == [[7.0, 8.0], [7.0, 8.0]]
    with pytest.raises(FeatureMissing, match="'x' is missing"):
        Feeds([X, LABEL]).table(given_only)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"x": np.zeros((2, 3), "<f4")}, "rows of \\[3\\] where the plan wants \\[2\\]"),
        ({"label": np.zeros(3, "<i8"), "x": np.zeros((2, 2), "<f4")}, "2 rows and the first one 3"),
        ({"x": np.zeros((0, 2), "<f4")}, "has no rows"),
        ({"x": np.float32(1.0)}, "has no rows"),
        ({"x": np.array([[b"a", b"b"]], object)}, "holds object where the plan wants float32"),
        ({"x": np.zeros((1, 2), "<f4"), "label": np.array([1 << 40])}, "does not fit int32"),
        ({"x": np.zeros((1, 2), "<f4"), "label": np.array([1.5])}, "holds float64 where the plan wants int32"),
    ],
)
def test_a_column_that_does_not_fit_is_named(columns: dict[str, np.ndarray], complaint: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(BadInput, match=complaint):
        Feeds([X, LABEL]).table(table(**{name: np.asarray(column) for name, column in columns.items()}))
