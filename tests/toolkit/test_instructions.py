"""Values of authors as protocol buffers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insitu.v1 import example_pb2, plan_pb2
from plan_toolkit import BadArgument, ExampleQuery, Feed, all_of, any_of, field, negated
from plan_toolkit.instructions import identifier


@given(st.text(max_size=20))
def test_any_feature_names_an_input(name):
    assert identifier(name).isidentifier()


@pytest.mark.parametrize(
    ("feed", "kind", "values"),
    [
        (Feed("f", dtype="float32", shape=(3,), default=2), "float_list", [2.0] * 3),
        (Feed("f", dtype="float64", shape=(2,), default=[1, 2]), "float_list", [1.0, 2.0]),
        (Feed("f", dtype="int64", shape=(), default=True), "int64_list", [1]),
        (Feed("f", dtype="bool", shape=(2, 1), default=[True, False]), "int64_list", [1, 0]),
        (Feed("f", dtype="bytes", shape=(), default="ö"), "bytes_list", ["ö".encode()]),
    ],
)
def test_defaults_fill_a_row(feed, kind, values):
    proto = feed.to_proto()
    assert list(getattr(proto.default, kind).value) == values
    assert list(proto.shape) == list(feed.shape)


def test_a_feed_without_default_has_none():
    proto = Feed("context:power.charging", dtype="bool", shape=()).to_proto()
    assert not proto.HasField("default")
    assert proto.input == "context_power_charging"
    assert proto.dtype == example_pb2.DATA_TYPE_BOOL


@pytest.mark.parametrize(
    "make",
    [
        lambda: Feed(""),
        lambda: Feed("f", "not an identifier"),
        lambda: Feed("f", "class"),
        lambda: Feed("f", dtype="complex64"),
        lambda: Feed("f", dtype="float32", shape=(2,), default=[1]).to_proto(),
        lambda: Feed("f", dtype="float32", shape=(), default="one").to_proto(),
        lambda: Feed("f", dtype="bytes", shape=(), default=1).to_proto(),
    ],
)
def test_feeds_that_make_no_sense_are_refused(make):
    with pytest.raises(BadArgument, match="feeds"):
        make()


def test_predicates_read_like_comparisons():
    where = all_of(
        field("label") < 5, any_of(field("language") == "de", negated(field("context:power.level").present()))
    )
    first, second = where.all.predicates
    assert (first.comparison.field, first.comparison.operator, first.comparison.number) == ("label", plan_pb2.LESS, 5)
    equal, inverted = second.any.predicates
    assert (equal.comparison.operator, equal.comparison.text) == (plan_pb2.EQUAL, "de")
    assert getattr(inverted, "not").comparison.operator == plan_pb2.PRESENT
    with pytest.raises(TypeError, match="a number or a text"):
        assert field("label") == [1]


def test_queries_keep_context_types_once():
    query = ExampleQuery("c", where=field("label").absent(), order="oldest_first", context=("power", "screen"))
    proto = query.to_proto(("screen",))
    assert list(proto.context) == ["screen", "power"]
    assert proto.order == plan_pb2.OLDEST_FIRST
    assert proto.where.comparison.operator == plan_pb2.ABSENT
    assert not ExampleQuery("c").to_proto().HasField("where")
