"""How features reach the graph."""

import math
import re
from collections.abc import Iterable, Iterator

from artifact_manager.findings import Finding, Site, shown
from artifact_manager.rules.registry import rule
from insitu.v1.example_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_BYTES,
    DATA_TYPE_FLOAT32,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_INT32,
    DATA_TYPE_INT64,
)
from insitu.v1.plan_pb2 import Feed

CONTEXT_PREFIX = "context:"
MAX_FEEDS = 256
MAX_NAME = 256
MAX_RANK = 8
MAX_ROW_ELEMENTS = 1 << 24

_CONTEXT_FIELD = re.compile(r"context:([a-z][a-z0-9_]{0,63})\.([a-z][a-z0-9_]{0,63})")
CONTEXT_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")

_LIST_OF_TYPE = {
    DATA_TYPE_BOOL: "int64_list",
    DATA_TYPE_INT32: "int64_list",
    DATA_TYPE_INT64: "int64_list",
    DATA_TYPE_FLOAT32: "float_list",
    DATA_TYPE_FLOAT64: "float_list",
    DATA_TYPE_BYTES: "bytes_list",
}


def check_feeds(feeds: Iterable[Feed], site: Site) -> Iterator[Finding]:
    """What concerns all feeds of one set of instructions together."""
    known = list(feeds)
    if not known:
        yield site.error("feeds", "are missing", "feed at least one input of the graph")
    if len(known) > MAX_FEEDS:
        yield site.error("feeds", f"are {len(known)}", f"use at most {MAX_FEEDS}; a feed may hold a whole vector")
        return
    seen: set[str] = set()
    for index, feed in enumerate(known):
        if feed.input in seen:
            yield site.at("feeds", index).error("input", f"{shown(feed.input)} is fed twice", "feed each input once")
        seen.add(feed.input)


def check_field_name(name: str, field: str, site: Site) -> Iterator[Finding]:
    """A name of a feature, or of a context feature whose type the instructions declare."""
    if not name.startswith(CONTEXT_PREFIX):
        if not is_plain_name(name):
            yield site.error(
                field, f"{shown(name)} is no feature's name", f"write up to {MAX_NAME} printable characters"
            )
        return
    match = _CONTEXT_FIELD.fullmatch(name)
    if match is None:
        yield site.error(
            field,
            f"{shown(name)} is no context feature",
            'write "context:TYPE.FEATURE", such as "context:power.charging"',
        )
        return
    context_type, feature = match.groups()
    if context_type not in site.context_types:
        yield site.error(
            field, f"{shown(name)} is read and its type not declared", f'add "{context_type}" to the context list'
        )
    known = site.context_features
    if known is not None and context_type in known and feature not in known[context_type]:
        listed = ", ".join(sorted(known[context_type]))
        yield site.warning(field, f"this device knows no {context_type}.{feature}", f"use one of {listed}")


def check_context_list(types: Iterable[str], site: Site) -> Iterator[Finding]:
    """The list `context` of instructions or of a query."""
    seen: set[str] = set()
    for index, name in enumerate(types):
        if not CONTEXT_TYPE.fullmatch(name):
            yield site.error("context", f"{shown(name)} is no context type", 'write its name, such as "power"', index)
        elif name in seen:
            yield site.error("context", f"{shown(name)} occurs twice", "name each type once", index)
        elif site.context_features is not None and name not in site.context_features:
            listed = ", ".join(sorted(site.context_features))
            yield site.warning("context", f"this device knows no {shown(name)}", f"use one of {listed}", index)
        seen.add(name)


def is_plain_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isprintable()


@rule(Feed, "feature")
def feature(feed: Feed, site: Site) -> Iterator[Finding]:
    yield from check_field_name(feed.feature, "feature", site)
    if feed.feature.startswith(CONTEXT_PREFIX) and not feed.HasField("default"):
        yield site.warning(
            "default",
            f"{shown(feed.feature)} has none, so nothing works where the user withholds it",
            "add a default, for a model must do without context",
        )


@rule(Feed, "input")
def graph_input(feed: Feed, site: Site) -> Iterator[Finding]:
    if not is_plain_name(feed.input):
        yield site.error("input", f"{shown(feed.input)} is no input's name", "name an input of the graph's signature")


@rule(Feed, "dtype")
def dtype(feed: Feed, site: Site) -> Iterator[Finding]:
    if feed.dtype not in _LIST_OF_TYPE:
        yield site.error("dtype", "is missing", "use bool, int32, int64, float32, float64 or bytes")


@rule(Feed, "shape")
def shape(feed: Feed, site: Site) -> Iterator[Finding]:
    extents = feed.shape
    if len(extents) > MAX_RANK or any(extent < 1 for extent in extents) or math.prod(extents) > MAX_ROW_ELEMENTS:
        yield site.error(
            "shape",
            f"{list(extents[: MAX_RANK + 1])} is no row's shape",
            f"use up to {MAX_RANK} extents, each at least 1, without the batch and at most {MAX_ROW_ELEMENTS} elements",
        )


@rule(Feed, "default")
def default(feed: Feed, site: Site) -> Iterator[Finding]:
    if not feed.HasField("default"):
        return
    kind = feed.default.WhichOneof("kind")
    wanted = _LIST_OF_TYPE.get(feed.dtype)
    if kind is None or (wanted is not None and kind != wanted):
        yield site.error("default", f"is a {kind or 'feature of no kind'}", f"give a {wanted or 'list of values'}")
        return
    count = len(getattr(feed.default, kind).value)
    elements = math.prod(feed.shape)
    if count != elements:
        yield site.error("default", f"has {count} values", f"give {elements}, as many as one row has elements")
