"""Who a plan is, and what it runs on."""

import re
from collections.abc import Iterator

from artifact_manager.digests import is_digest
from artifact_manager.findings import Finding, Site, shown
from artifact_manager.rules.registry import rule
from insitu.v1.plan_pb2 import EngineRequirement, Graph, Plan

_PATH = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
_ENGINE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
# Semantic Versioning 2.0.0, items 2, 9 and 10.
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SEMANTIC_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?")

MAX_NAME = 128
MAX_VERSION = 64
MAX_PARENT = 256


@rule(Plan, "name")
def name(plan: Plan, site: Site) -> Iterator[Finding]:
    if len(plan.name) > MAX_NAME or not _PATH.fullmatch(plan.name) or ".." in plan.name:
        yield site.error(
            "name",
            f"{shown(plan.name)} is no name",
            f'write up to {MAX_NAME} of a-z, 0-9, ".", "_", "-" and "/", such as "keyboard/next-word"',
        )


@rule(Plan, "version")
def version(plan: Plan, site: Site) -> Iterator[Finding]:
    if len(plan.version) > MAX_VERSION or not _SEMANTIC_VERSION.fullmatch(plan.version):
        yield site.error("version", f"{shown(plan.version)} is no semantic version", 'write one such as "1.2.0"')


@rule(Plan, "parent")
def parent(plan: Plan, site: Site) -> Iterator[Finding]:
    if len(plan.parent) > MAX_PARENT or not plan.parent.isprintable():
        yield site.error(
            "parent",
            f"{shown(plan.parent)} is no name and version of a model",
            f"write up to {MAX_PARENT} printable characters, or leave it empty",
        )


@rule(Plan, "engine")
def engine(plan: Plan, site: Site) -> Iterator[Finding]:
    if not plan.HasField("engine"):
        yield site.error("engine", "is missing", 'name the engine that runs the graph, such as "litert"')


@rule(EngineRequirement, "name")
def engine_name(requirement: EngineRequirement, site: Site) -> Iterator[Finding]:
    if not _ENGINE.fullmatch(requirement.name):
        yield site.error("name", f"{shown(requirement.name)} names no engine", 'write its name, such as "litert"')


@rule(EngineRequirement, "version_range")
def engine_versions(requirement: EngineRequirement, site: Site) -> Iterator[Finding]:
    # With the first plan, not with the daemon's start.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = requirement.version_range
    try:
        valid = len(text) <= MAX_PARENT and SpecifierSet(text) is not None
    except InvalidSpecifier:
        valid = False
    if not valid:
        yield site.error(
            "version_range", f"{shown(text)} is no range of versions", 'write it as PEP 440 does, such as ">=2.0,<3"'
        )


@rule(Plan, "graph")
def graph(plan: Plan, site: Site) -> Iterator[Finding]:
    if not plan.HasField("graph"):
        yield site.error("graph", "is missing", "put the graph into the plan, or its digest")


@rule(Graph, "inline", "sha256")
def graph_source(graph: Graph, site: Site) -> Iterator[Finding]:
    match graph.WhichOneof("source"):
        case None:
            yield site.error("", "holds neither a graph nor a digest", "set inline or sha256")
        case "inline":
            if not graph.inline:
                yield site.error("inline", "is empty", "put the graph's bytes here, or set sha256")
        case "sha256":
            if not is_digest(graph.sha256):
                yield site.error(
                    "sha256", f"{shown(graph.sha256)} is no digest", "write 64 hexadecimal digits in lower case"
                )


@rule(Plan, "inference", "training", "evaluation")
def instructions(plan: Plan, site: Site) -> Iterator[Finding]:
    if plan.WhichOneof("instructions") is None:
        yield site.error("instructions", "are missing", "set one of inference, training and evaluation")
