import math
import struct
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_manager import BadPredicate, compile_predicate, fields_used
from insitu.v1 import plan_pb2 as pb
from insitu.v1.example_pb2 import BytesList, Example, Feature, Features, FloatList, Int64List
from tests.artifacts.plans import all_of, any_of, compare, negated


def integers(*values: int) -> Feature:
    return Feature(int64_list=Int64List(value=values))


def floats(*values: float) -> Feature:
    return Feature(float_list=FloatList(value=values))


def texts(*values: bytes) -> Feature:
    return Feature(bytes_list=BytesList(value=values))


def matches(
    predicate: pb.Predicate, features: Mapping[str, Feature], context: Mapping[str, Features] | None = None
) -> bool:
    return compile_predicate(predicate)(Example(features=Features(feature=features)), context or {})


NUMBER_CASES = [
    (integers(3, 9), pb.EQUAL, 3, True),
    (integers(3, 9), pb.EQUAL, 9, False),
    (integers(3), pb.LESS, 3.5, True),
    (integers(2**63 - 1), pb.LESS, 2.0**63, True),
    (floats(0.1), pb.EQUAL, 0.1, True),
    (floats(0.1), pb.LESS_OR_EQUAL, 0.1, True),
    (floats(0.1), pb.GREATER, 0.1, False),
    (floats(3e38), pb.LESS, 1e300, True),
    (floats(-3e38), pb.GREATER, -1e300, True),
    (floats(math.nan), pb.EQUAL, 0, False),
    (floats(math.nan), pb.NOT_EQUAL, 0, True),
    (integers(4), pb.NOT_EQUAL, 5, True),
    (integers(4), pb.GREATER_OR_EQUAL, 4, True),
    (texts(b"4"), pb.EQUAL, 4, False),
    (texts(b"4"), pb.NOT_EQUAL, 4, False),
    (texts(b"abc"), pb.LESS, "abd", True),
    (texts("é".encode()), pb.EQUAL, "é", True),
    (texts(b"b", b"a"), pb.EQUAL, "a", False),
    (integers(4), pb.EQUAL, "4", False),
    (integers(4), pb.NOT_EQUAL, "4", False),
]


@pytest.mark.parametrize(("feature", "operator", "value", "expected"), NUMBER_CASES)
def test_comparisons(feature: Feature, operator: pb.Operator, value: float | str, expected: bool) -> None:
    assert matches(compare("f", operator, value), {"f": feature}) is expected


@pytest.mark.parametrize("features", [{}, {"f": Feature()}, {"f": integers()}, {"g": integers(1)}])
def test_a_missing_feature_matches_only_absent(features: dict[str, Feature]) -> None:
    assert matches(compare("f", pb.ABSENT), features)
    assert not matches(compare("f", pb.PRESENT), features)
    for operator in (pb.EQUAL, pb.NOT_EQUAL, pb.LESS, pb.LESS_OR_EQUAL, pb.GREATER, pb.GREATER_OR_EQUAL):
        assert not matches(compare("f", operator, 0), features)
        assert not matches(compare("f", operator, ""), features)
    assert matches(negated(compare("f", pb.EQUAL, 0)), features)


def test_context_is_compared_by_its_own_name_only() -> None:
    context = {"power": Features(feature={"charging": integers(1)})}
    charging = compare("context:power.charging", pb.EQUAL, 1)
    assert matches(charging, {}, context)
    assert not matches(charging, {"context:power.charging": integers(1)}, {})
    assert not matches(compare("charging", pb.PRESENT), {}, context)
    assert matches(compare("context:power.level", pb.ABSENT), {}, context)
    assert matches(compare("context:day.hour", pb.ABSENT), {}, context)


def test_reading_does_not_change_an_example() -> None:
    example = Example(features=Features(feature={"f": integers(1)}))
    compile_predicate(any_of(compare("g", pb.EQUAL, 1), compare("h", pb.ABSENT)))(example, {})
    assert set(example.features.feature) == {"f"}


def test_fields_used() -> None:
    predicate = all_of(compare("a", pb.PRESENT), negated(any_of(compare("context:power.charging", pb.ABSENT))))
    assert fields_used(predicate) == {"a", "context:power.charging"}


def test_trees_that_say_nothing_are_refused() -> None:
    for predicate in (pb.Predicate(), all_of(pb.Predicate()), negated(pb.Predicate())):
        with pytest.raises(BadPredicate, match="set comparison"):
            compile_predicate(predicate)
    with pytest.raises(BadPredicate, match="no value"):
        compile_predicate(compare("f", pb.EQUAL))
    with pytest.raises(BadPredicate, match="no operator"):
        compile_predicate(pb.Predicate(comparison=pb.Comparison(field="f", number=1)))


def test_trees_that_are_too_large_are_refused() -> None:
    deep = compare("f", pb.PRESENT)
    for _ in range(15):
        deep = negated(deep)
    assert matches(deep, {}) is True
    with pytest.raises(BadPredicate, match="levels"):
        compile_predicate(negated(deep))
    with pytest.raises(BadPredicate, match="conditions"):
        compile_predicate(any_of(*[compare("f", pb.PRESENT)] * 256))


def naive(predicate: pb.Predicate, example: Example, context: Mapping[str, Features]) -> bool:
    """The semantics, said as plainly as they can be."""
    match predicate.WhichOneof("node"):
        case "all":
            return all(naive(part, example, context) for part in predicate.all.predicates)
        case "any":
            return any(naive(part, example, context) for part in predicate.any.predicates)
        case "not":
            return not naive(getattr(predicate, "not"), example, context)
    comparison = predicate.comparison
    if comparison.field.startswith("context:"):
        kind, name = comparison.field.removeprefix("context:").split(".")
        source = context.get(kind, Features())
    else:
        name, source = comparison.field, example.features
    feature = source.feature[name] if name in source.feature else Feature()
    values = [*feature.int64_list.value, *feature.float_list.value, *feature.bytes_list.value]
    if comparison.operator in (pb.PRESENT, pb.ABSENT):
        return bool(values) == (comparison.operator == pb.PRESENT)
    if not values or isinstance(values[0], bytes) != (comparison.WhichOneof("value") == "text"):
        return False
    wanted: object = comparison.text.encode() if isinstance(values[0], bytes) else comparison.number
    if isinstance(values[0], float):
        wanted = struct.unpack("f", struct.pack("f", comparison.number))[0]
    less, equal = values[0] < wanted, values[0] == wanted  # type: ignore[operator]
    return {
        pb.EQUAL: equal,
        pb.NOT_EQUAL: not equal,
        pb.LESS: less,
        pb.LESS_OR_EQUAL: less or equal,
        pb.GREATER: not less and not equal,
        pb.GREATER_OR_EQUAL: not less,
    }[comparison.operator]


FIELDS = ["a", "b", "context:power.charging", "context:day.hour"]
numbers = st.sampled_from([-1.0, 0.0, 0.1, 1.0, 1.5, 2.0])
words = st.sampled_from(["", "a", "ab", "é"])
RELATIONS = [pb.EQUAL, pb.NOT_EQUAL, pb.LESS, pb.LESS_OR_EQUAL, pb.GREATER, pb.GREATER_OR_EQUAL]
leaves = st.one_of(
    st.builds(compare, st.sampled_from(FIELDS), st.sampled_from(RELATIONS), st.one_of(numbers, words)),
    st.builds(compare, st.sampled_from(FIELDS), st.sampled_from([pb.PRESENT, pb.ABSENT])),
)
trees = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda found: all_of(*found)),
        st.lists(parts, max_size=3).map(lambda found: any_of(*found)),
        parts.map(negated),
    ),
    max_leaves=8,
)
features = st.one_of(
    st.lists(st.integers(-1, 2), max_size=2).map(lambda values: integers(*values)),
    st.lists(numbers, max_size=2).map(lambda values: floats(*values)),
    st.lists(words, max_size=2).map(lambda values: texts(*(value.encode() for value in values))),
    st.just(Feature()),
)


@settings(max_examples=300)
@given(
    trees,
    st.dictionaries(st.sampled_from(["a", "b"]), features),
    st.dictionaries(
        st.sampled_from(["power", "day"]), st.dictionaries(st.sampled_from(["charging", "hour"]), features)
    ),
)
def test_compiled_equals_naive(
    tree: pb.Predicate, own: dict[str, Feature], injected: dict[str, dict[str, Feature]]
) -> None:
    example = Example(features=Features(feature=own))
    context = {kind: Features(feature=values) for kind, values in injected.items()}
    assert compile_predicate(tree)(example, context) is naive(tree, example, context)
