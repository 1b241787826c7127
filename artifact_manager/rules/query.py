"""Which examples a run uses."""

import math
import re
from collections.abc import Iterator

from artifact_manager.findings import Finding, Site, shown
from artifact_manager.predicates import MAX_DEPTH, MAX_NODES, children, depth_and_nodes
from artifact_manager.rules.feeds import check_context_list, check_field_name
from artifact_manager.rules.registry import rule
from insitu.v1.plan_pb2 import (
    ABSENT,
    EQUAL,
    GREATER_OR_EQUAL,
    NEWEST_FIRST,
    OLDEST_FIRST,
    PRESENT,
    Comparison,
    ExampleQuery,
    Predicate,
    PredicateList,
)

MAX_AGE_S = 10 * 366 * 86_400

_COLLECTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@rule(ExampleQuery, "collection")
def collection(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    if not _COLLECTION.fullmatch(query.collection):
        yield site.error(
            "collection",
            f"{shown(query.collection)} is no collection's name",
            'write up to 64 of a-z, 0-9, ".", "_" and "-", starting with a letter or digit',
        )


@rule(ExampleQuery, "where")
def where(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    if not query.HasField("where"):
        return
    depth, nodes = depth_and_nodes(query.where)
    if depth > MAX_DEPTH or nodes > MAX_NODES:
        yield site.error(
            "where",
            f"has {nodes} conditions, {depth} deep",
            f"keep within {MAX_NODES} conditions and {MAX_DEPTH} levels",
        )


@rule(ExampleQuery, "order")
def order(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    if query.order not in (NEWEST_FIRST, OLDEST_FIRST):
        yield site.error("order", "is missing", "choose NEWEST_FIRST or OLDEST_FIRST")


@rule(ExampleQuery, "limit", "minimum_examples")
def counts(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    for field in ("limit", "minimum_examples"):
        if getattr(query, field) < 0:
            yield site.error(field, "is negative", "use 0 for none, or a number of examples")
    if query.limit > 0 and query.minimum_examples > query.limit:
        yield site.error(
            "minimum_examples",
            f"{query.minimum_examples} is over the limit of {query.limit}",
            "lower it, or raise limit",
        )


@rule(ExampleQuery, "maximum_age_s")
def age(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    if not 0 <= query.maximum_age_s <= MAX_AGE_S:
        yield site.error(
            "maximum_age_s", f"{query.maximum_age_s} is out of range", f"use 1 to {MAX_AGE_S}, or 0 for any age"
        )


@rule(ExampleQuery, "holdout_share")
def holdout(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    if not (math.isfinite(query.holdout_share) and 0 <= query.holdout_share <= 0.5):
        yield site.error("holdout_share", f"{query.holdout_share} is out of range", "use 0 to 0.5, such as 0.2")


@rule(ExampleQuery, "context")
def context(query: ExampleQuery, site: Site) -> Iterator[Finding]:
    yield from check_context_list(query.context, site)


@rule(Predicate, "comparison", "all", "any", "not")
def node(predicate: Predicate, site: Site) -> Iterator[Finding]:
    if predicate.WhichOneof("node") is None:
        yield site.error("", "is an empty condition", "set comparison, all, any or not")
    elif predicate.WhichOneof("node") in ("all", "any") and not list(children(predicate)):
        yield site.error("", "combines nothing", "add conditions, or leave it out")


@rule(PredicateList, "predicates")
def predicates(conditions: PredicateList, site: Site) -> Iterator[Finding]:
    """Examined with the node that holds the list, and each by itself."""
    yield from ()


@rule(Comparison, "field")
def field(comparison: Comparison, site: Site) -> Iterator[Finding]:
    yield from check_field_name(comparison.field, "field", site)


@rule(Comparison, "operator", "number", "text")
def operands(comparison: Comparison, site: Site) -> Iterator[Finding]:
    value = comparison.WhichOneof("value")
    if comparison.operator in (PRESENT, ABSENT):
        if value is not None:
            yield site.error(value, "is compared with nothing", "remove it: PRESENT and ABSENT take no value")
    elif not EQUAL <= comparison.operator <= GREATER_OR_EQUAL:
        yield site.error("operator", "is missing", "choose EQUAL, LESS, PRESENT or another operator")
    elif value is None:
        yield site.error("value", "is missing", "set number or text")
    elif value == "number" and not math.isfinite(comparison.number):
        yield site.error("number", "is not finite", "compare with a finite number")
