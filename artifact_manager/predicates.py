"""Predicate trees of example queries, compiled to functions.

A comparison looks at a feature's first value. An example that lacks the feature, or has it without a value, matches
only ABSENT. A number compares with integers exactly and with floats in the float's own precision, a text with bytes in
UTF-8, bytewise; a value of the other kind matches no comparison.
"""

import operator
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from artifact_manager.errors import BadPredicate
from insitu.v1.example_pb2 import Example, Feature, Features
from insitu.v1.plan_pb2 import (
    ABSENT,
    EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    NOT_EQUAL,
    PRESENT,
    Comparison,
    Predicate,
)

MAX_DEPTH = 16
MAX_NODES = 256

CONTEXT_PREFIX = "context:"

Matches = Callable[[Example, Mapping[str, Features]], bool]
"""Takes an example and its context: Features by type, names without prefix."""

_Get = Callable[[Example, Mapping[str, Features]], Feature | None]

_Relation = Callable[[Any, Any], bool]

_RELATIONS: Mapping[int, _Relation] = {
    EQUAL: operator.eq,
    NOT_EQUAL: operator.ne,
    LESS: operator.lt,
    LESS_OR_EQUAL: operator.le,
    GREATER: operator.gt,
    GREATER_OR_EQUAL: operator.ge,
}


def compile_predicate(predicate: Predicate) -> Matches:
    """Raises BadPredicate for a tree that is too large, or holds a node that says nothing."""
    depth, nodes = depth_and_nodes(predicate)
    if depth > MAX_DEPTH or nodes > MAX_NODES:
        raise BadPredicate(f"where: {nodes} conditions, {depth} deep; keep within {MAX_NODES} and {MAX_DEPTH} levels")
    return _compile(predicate)


def fields_used(predicate: Predicate) -> frozenset[str]:
    """Names of the fields that a predicate compares, context features with their prefix."""
    return frozenset(node.comparison.field for node, _ in _walk(predicate) if node.WhichOneof("node") == "comparison")


def children(predicate: Predicate) -> Iterator[Predicate]:
    """The conditions that a node combines."""
    match predicate.WhichOneof("node"):
        case "all":
            yield from predicate.all.predicates
        case "any":
            yield from predicate.any.predicates
        case "not":
            yield getattr(predicate, "not")


def depth_and_nodes(predicate: Predicate) -> tuple[int, int]:
    """Levels of a tree, and the number of its nodes; counted no further than one node over the limit."""
    depth = nodes = 0
    for _, level in _walk(predicate):
        depth, nodes = max(depth, level), nodes + 1
        if nodes > MAX_NODES:
            break
    return depth, nodes


def _walk(predicate: Predicate) -> Iterator[tuple[Predicate, int]]:
    """All nodes with their level, without recursion: a tree is another's bytes."""
    pending = [(predicate, 1)]
    while pending:
        node, level = pending.pop()
        yield node, level
        pending.extend((child, level + 1) for child in children(node))


def _compile(predicate: Predicate) -> Matches:
    match predicate.WhichOneof("node"):
        case "comparison":
            return _comparison(predicate.comparison)
        case "all":
            return _all([_compile(child) for child in predicate.all.predicates])
        case "any":
            return _any([_compile(child) for child in predicate.any.predicates])
        case "not":
            return _not(_compile(getattr(predicate, "not")))
        case _:
            raise BadPredicate("where: a condition is empty; set comparison, all, any or not")


def _all(parts: list[Matches]) -> Matches:
    return lambda example, context: all(part(example, context) for part in parts)


def _any(parts: list[Matches]) -> Matches:
    return lambda example, context: any(part(example, context) for part in parts)


def _not(part: Matches) -> Matches:
    return lambda example, context: not part(example, context)


def _comparison(comparison: Comparison) -> Matches:
    get = _getter(comparison.field)
    if comparison.operator == PRESENT:
        return lambda example, context: _has_value(get(example, context))
    if comparison.operator == ABSENT:
        return lambda example, context: not _has_value(get(example, context))
    relation = _RELATIONS.get(comparison.operator)
    if relation is None:
        raise BadPredicate(f"where: the condition on {comparison.field[:80]!r} has no operator; choose one")
    match comparison.WhichOneof("value"):
        case "number":
            return _number(get, relation, comparison.number)
        case "text":
            return _text(get, relation, comparison.text.encode())
        case _:
            raise BadPredicate(f"where: the condition on {comparison.field[:80]!r} has no value; set number or text")


def _number(get: _Get, relation: _Relation, number: float) -> Matches:
    in_float32 = _as_float32(number)

    def matches(example: Example, context: Mapping[str, Features]) -> bool:
        feature = get(example, context)
        if feature is None:
            return False
        if integers := feature.int64_list.value:
            return relation(integers[0], number)
        floats = feature.float_list.value
        return bool(floats) and relation(floats[0], in_float32)

    return matches


def _text(get: _Get, relation: _Relation, text: bytes) -> Matches:
    def matches(example: Example, context: Mapping[str, Features]) -> bool:
        feature = get(example, context)
        if feature is None:
            return False
        values = feature.bytes_list.value
        return bool(values) and relation(values[0], text)

    return matches


def _getter(field: str) -> _Get:
    if not field.startswith(CONTEXT_PREFIX):

        def from_example(example: Example, context: Mapping[str, Features]) -> Feature | None:
            features = example.features.feature
            return features.get(field)

        return from_example
    context_type, _, name = field.removeprefix(CONTEXT_PREFIX).partition(".")

    def from_context(example: Example, context: Mapping[str, Features]) -> Feature | None:
        features = context.get(context_type)
        return None if features is None else features.feature.get(name)

    return from_context


def _has_value(feature: Feature | None) -> bool:
    if feature is None:
        return False
    return bool(feature.int64_list.value or feature.float_list.value or feature.bytes_list.value)


def _as_float32(number: float) -> float:
    """The nearest number that a float feature can hold; infinite beyond its range."""
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return float(rounded)
