"""Versions of mutable artifacts as values, and their rows in the catalog."""

import enum
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class VersionState(enum.Enum):
    """The life of a version. What is neither LIVE nor at rest is finished when the artifacts are opened again."""

    WRITING = "writing"
    """Announced; its sealed file may or may not be there."""
    LIVE = "live"
    ERASING = "erasing"
    """Given up: its key, its file and then its row go."""
    RETIRING = "retiring"
    """Displaced by newer ones: its key and its file go, its lineage stays."""
    RETIRED = "retired"
    """Only the lineage is left, for parameters that were trained from it."""
    DAMAGED = "damaged"
    """Failed verification: never served, kept for whoever wants to know why."""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric on the held-out examples, with the old and the new parameters."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Parent:
    """A version that a run started from."""

    uri: str
    version: int


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a training run produced."""

    data: bytes
    created_ms: int
    plan_name: str
    plan_version: str
    context: frozenset[str]
    """Context types that the run's own examples contained."""
    collections: frozenset[str]
    """Collections that the run's own examples came from."""
    parents: Sequence[Parent]
    """What the run started from; empty for base parameters. Their lineage becomes this version's too."""
    metrics: tuple[MetricChange, ...] = ()
    run: int = 0
    """Identifies the run, so that a commit that is repeated after a crash is recognised; 0 for none."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a mutable artifact."""

    enclave: int
    uri: str
    version: int
    run: int
    sha256: str
    """Of the bytes as they were produced."""
    size_bytes: int
    created_ms: int
    plan_name: str
    plan_version: str
    context: frozenset[str]
    """Lineage: every context type that this or any version before it was trained with."""
    collections: frozenset[str]
    """Lineage: every collection that this or any version before it was trained on."""
    metrics: tuple[MetricChange, ...]

    @property
    def seal_name(self) -> str:
        """The name that its bytes are sealed under."""
        return f"{self.uri}#{self.version}"


@dataclass(frozen=True, slots=True)
class MutableArtifact:
    """A mutable artifact with its live versions, newest first. `in_use` is 0 while the base parameters serve."""

    enclave: int
    uri: str
    versions: tuple[Version, ...]
    in_use: int


def insert(connection: sqlite3.Connection, version: Version, state: VersionState) -> None:
    connection.execute(
        "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.enclave,
            version.uri,
            version.version,
            state.value,
            version.run,
            version.sha256,
            version.size_bytes,
            version.created_ms,
            version.plan_name,
            version.plan_version,
            json.dumps(sorted(version.context)),
            json.dumps(sorted(version.collections)),
            json.dumps([[metric.name, metric.before, metric.after] for metric in version.metrics]),
        ),
    )


def select(
    connection: sqlite3.Connection, states: Iterable[VersionState], enclave: int | None = None, uri: str | None = None
) -> list[Version]:
    """Versions in these states, newest first within an artifact."""
    values: list[object] = [state.value for state in states]
    query = f"SELECT * FROM versions WHERE state IN ({','.join('?' * len(values))})"
    if enclave is not None:
        query += " AND enclave=?"
        values.append(enclave)
    if uri is not None:
        query += " AND uri=?"
        values.append(uri)
    return [_version(row) for row in connection.execute(f"{query} ORDER BY enclave, uri, version DESC", values)]


def set_state(connection: sqlite3.Connection, versions: Iterable[Version], state: VersionState) -> None:
    connection.executemany(
        "UPDATE versions SET state=? WHERE enclave=? AND uri=? AND version=?",
        [(state.value, version.enclave, version.uri, version.version) for version in versions],
    )


def delete(connection: sqlite3.Connection, versions: Iterable[Version]) -> None:
    connection.executemany(
        "DELETE FROM versions WHERE enclave=? AND uri=? AND version=?",
        [(version.enclave, version.uri, version.version) for version in versions],
    )


def _version(row: Sequence[object]) -> Version:
    enclave, uri, version, _, run, sha256, size_bytes, created_ms, plan_name, plan_version, *lists = row
    context, collections, metrics = (json.loads(str(text)) for text in lists)
    return Version(
        enclave=int(str(enclave)),
        uri=str(uri),
        version=int(str(version)),
        run=int(str(run)),
        sha256=str(sha256),
        size_bytes=int(str(size_bytes)),
        created_ms=int(str(created_ms)),
        plan_name=str(plan_name),
        plan_version=str(plan_version),
        context=frozenset(context),
        collections=frozenset(collections),
        metrics=tuple(MetricChange(name, before, after) for name, before, after in metrics),
    )
