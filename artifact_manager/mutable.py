"""Mutable artifacts: what training produces, version by version, sealed.

A version's row announces it before its key and its file exist, and turns live in one transaction with its coming into
use; erasing goes the other way: out of use, key, file, row. So at any moment a crash leaves only rows that say what is
still to be done, and opening does it.

Nothing outlives what it was trained with: a version's lineage contains that of every version before it, and a commit
whose parent has been erased meanwhile is refused.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from artifact_manager import versions as rows
from artifact_manager.catalog import Catalog
from artifact_manager.digests import sha256_of
from artifact_manager.disk import Disk, LocalDisk, read_file, room_needed
from artifact_manager.errors import ArtifactCorrupt, BadUri, NoEarlierVersion, NoSuchVersion, NotProduced
from artifact_manager.uri import ArtifactUri, parse_uri
from artifact_manager.versions import MutableArtifact, NewVersion, Parent, Version, VersionState

_log = logging.getLogger(__name__)

KEPT_VERSIONS = 3
KEPT_LINEAGES = 64
"""Retired versions whose lineage is remembered for each artifact: a run may still start from one of them."""

_TO_FINISH = (VersionState.WRITING, VersionState.ERASING, VersionState.RETIRING)


class Sealer(Protocol):
    """Seals what an enclave owns, each under a key of its name alone, so that erasing the key erases just that.

    An exception of `open` whose `status` is "DATA_LOSS" says that these are not the bytes sealed under the name.
    """

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes: ...

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes: ...

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int:
        """Destroy the keys of these names, durably on return. Names without a key are no error."""
        ...


class MutableArtifacts:
    """All methods but `in_use` block. All may be called from several threads."""

    def __init__(
        self, folder: Path, catalog: Catalog, sealer: Sealer, *, keep: int = KEPT_VERSIONS, disk: Disk | None = None
    ) -> None:
        """Open the folder, and finish what a crash cut off. `keep` versions stay for rollback."""
        self._folder = folder
        self._catalog = catalog
        self._sealer = sealer
        self._keep = keep
        self._disk = disk or LocalDisk()
        self._lock = threading.RLock()
        self._serving: dict[tuple[int, str], tuple[int, str]] = {}
        self._disk.make_folder(folder)
        with self._lock:
            for state in _TO_FINISH:
                with self._catalog.read() as connection:
                    unfinished = rows.select(connection, [state])
                self._dispose(unfinished, remember=state is VersionState.RETIRING)
            self._load_serving()

    def in_use(self, enclave: int, uri: str) -> tuple[int, str] | None:
        """Version and sha256 of what serves now; None while the base parameters do. From memory."""
        return self._serving.get((enclave, uri))

    def commit(self, enclave: int, uri: str, new: NewVersion) -> Version:
        """Store a version and put it into use; the oldest beyond those kept go. Durable and whole, or not at all.

        Raises BadUri, NoSuchVersion where a parent has been erased (the result must be dropped), LimitExceeded.
        """
        _check_uri(uri)
        with self._lock:
            if new.run and (known := self._of_run(enclave, uri, new.run)):
                return known
            version = self._announce(enclave, uri, new)
            try:
                sealed = self._sealer.seal(enclave, version.seal_name, new.data)
                self._write(self._path(version), sealed)
                with self._catalog.transaction() as connection:
                    rows.set_state(connection, [version], VersionState.LIVE)
                    self._put_into_use(connection, enclave, uri, version.version)
            except Exception:
                self._dispose([version], remember=False)
                raise
            self._load_serving()
            self._retire_oldest(enclave, uri)
            return version

    def produced_by(self, enclave: int, uri: str, run: int) -> int:
        """The version that a run has committed; 0 for none."""
        known = self._of_run(enclave, uri, run)
        return known.version if known else 0

    def read(self, enclave: int, uri: str, version: int = 0) -> tuple[Version, bytes]:
        """A live version and its bytes, verified; the one in use where `version` is 0.

        Raises NotProduced, NoSuchVersion, ArtifactCorrupt (it is out of use then, and its predecessor serves).
        """
        if not version:
            serving = self.in_use(enclave, uri)
            if serving is None:
                raise NotProduced(f"{uri} has not been produced yet: its training session must run first")
            version = serving[0]
        found = self._live(enclave, uri, version)
        try:
            data = self._sealer.open(enclave, found.seal_name, read_file(self._path(found)))
        except Exception as error:
            if not isinstance(error, FileNotFoundError) and getattr(error, "status", "") != "DATA_LOSS":
                raise
            raise self._set_aside(found) from error
        if sha256_of(data) != found.sha256:
            raise self._set_aside(found)
        return found, data

    def artifacts(self, enclave: int | None = None) -> list[MutableArtifact]:
        """All artifacts that have, or had, a version; of one enclave where named."""
        query, values = "SELECT enclave, uri, in_use FROM artifacts", ()
        with self._catalog.read() as connection:
            live = rows.select(connection, [VersionState.LIVE], enclave)
            known = connection.execute(f"{query} ORDER BY enclave, uri", values).fetchall()
        return [
            MutableArtifact(owner, uri, tuple(v for v in live if (v.enclave, v.uri) == (owner, uri)), in_use)
            for owner, uri, in_use in known
            if enclave in (None, owner)
        ]

    def roll_back(self, enclave: int, uri: str, version: int = 0) -> Version:
        """Put an earlier version into use: the one before, where `version` is 0.

        Raises NoSuchVersion, NoEarlierVersion.
        """
        with self._lock:
            target = self._live(enclave, uri, version) if version else self._before_the_one_in_use(enclave, uri)
            with self._catalog.transaction() as connection:
                self._put_into_use(connection, enclave, uri, target.version)
            self._load_serving()
            return target

    def forget_context(self, enclave: int, context_type: str) -> int:
        """Erase every version trained with a context type; the base serves where it was in use. Returns how many."""
        return self._forget(enclave, lambda version: context_type in version.context)

    def forget_collections(self, enclave: int, collections: frozenset[str]) -> int:
        """Erase every version trained on one of these collections. Returns how many."""
        return self._forget(enclave, lambda version: bool(collections & version.collections))

    def delete(self, enclave: int, uri: str) -> int:
        """Erase one artifact with all its versions. Returns how many there were."""
        return self._forget(enclave, lambda version: version.uri == uri)

    def forget_enclave(self, enclave: int) -> None:
        """Erase all artifacts of an enclave."""
        self._forget(enclave, lambda _: True)
        with self._catalog.transaction() as connection:
            connection.execute("DELETE FROM artifacts WHERE enclave=?", (enclave,))
        self._catalog.scrub()

    def _announce(self, enclave: int, uri: str, new: NewVersion) -> Version:
        """A row with a number that was never used before."""
        with self._catalog.transaction() as connection:
            lineage = [self._lineage(connection, enclave, parent) for parent in new.parents]
            connection.execute("INSERT OR IGNORE INTO artifacts VALUES (?, ?, 0, 0)", (enclave, uri))
            connection.execute(
                "UPDATE artifacts SET last_version = last_version + 1 WHERE enclave=? AND uri=?", (enclave, uri)
            )
            query = "SELECT last_version FROM artifacts WHERE enclave=? AND uri=?"
            (number,) = connection.execute(query, (enclave, uri)).fetchone()
            version = Version(
                enclave=enclave,
                uri=uri,
                version=number,
                run=new.run,
                sha256=sha256_of(new.data),
                size_bytes=len(new.data),
                created_ms=new.created_ms,
                plan_name=new.plan_name,
                plan_version=new.plan_version,
                context=new.context.union(*(parent.context for parent in lineage)),
                collections=new.collections.union(*(parent.collections for parent in lineage)),
                metrics=new.metrics,
            )
            rows.insert(connection, version, VersionState.WRITING)
            return version

    def _lineage(self, connection: sqlite3.Connection, enclave: int, parent: Parent) -> Version:
        for known in rows.select(connection, [VersionState.LIVE, VersionState.RETIRED], enclave, parent.uri):
            if known.version == parent.version:
                return known
        raise NoSuchVersion(
            f"version {parent.version} of {parent.uri}, from which this was trained, is gone: train again from the base"
        )

    def _write(self, path: Path, sealed: bytes) -> None:
        with room_needed("these parameters"):
            self._disk.make_folder(path.parent)
            self._disk.write(path, sealed)
            self._disk.sync(path)
            self._disk.sync(path.parent)

    def _retire_oldest(self, enclave: int, uri: str) -> None:
        serving = self.in_use(enclave, uri)
        with self._catalog.transaction() as connection:
            live = rows.select(connection, [VersionState.LIVE], enclave, uri)
            surplus = [v for v in live[self._keep :] if serving is None or v.version != serving[0]]
            rows.set_state(connection, surplus, VersionState.RETIRING)
            rows.delete(connection, rows.select(connection, [VersionState.RETIRED], enclave, uri)[KEPT_LINEAGES:])
        self._dispose(surplus, remember=True)

    def _forget(self, enclave: int, concerned: Callable[[Version], bool]) -> int:
        """Out of use first, then unreadable, then gone. Returns how many live versions there were."""
        with self._lock:
            with self._catalog.transaction() as connection:
                live = list(filter(concerned, rows.select(connection, [VersionState.LIVE], enclave)))
                others = rows.select(connection, [VersionState.RETIRED, VersionState.DAMAGED], enclave)
                doomed = [*live, *filter(concerned, others)]
                rows.set_state(connection, doomed, VersionState.ERASING)
                for version in live:
                    connection.execute(
                        "UPDATE artifacts SET in_use=0 WHERE enclave=? AND uri=? AND in_use=?",
                        (enclave, version.uri, version.version),
                    )
            self._load_serving()
            self._dispose(doomed, remember=False)
            return len(live)

    def _dispose(self, versions: list[Version], *, remember: bool) -> None:
        """Destroy keys and files, then the rows, or all of them but the lineage."""
        for enclave in {version.enclave for version in versions}:
            self._sealer.destroy_named(enclave, [v.seal_name for v in versions if v.enclave == enclave])
        for version in versions:
            self._disk.remove(self._path(version))
        if versions:
            with self._catalog.transaction() as connection:
                if remember:
                    rows.set_state(connection, versions, VersionState.RETIRED)
                else:
                    rows.delete(connection, versions)

    def _set_aside(self, version: Version) -> ArtifactCorrupt:
        """A damaged version is never served; the newest sound one before it is, or the base."""
        with self._lock, self._catalog.transaction() as connection:
            rows.set_state(connection, [version], VersionState.DAMAGED)
            live = rows.select(connection, [VersionState.LIVE], version.enclave, version.uri)
            fallback = next((known.version for known in live if known.version < version.version), 0)
            connection.execute(
                "UPDATE artifacts SET in_use=? WHERE enclave=? AND uri=? AND in_use=?",
                (fallback, version.enclave, version.uri, version.version),
            )
        self._load_serving()
        served = f"version {fallback} serves now" if fallback else "the base parameters serve now"
        extra = {"event": "artifact_damaged", "fields": {"enclave": version.enclave}}
        _log.error("%s of enclave %d is damaged; %s", version.seal_name, version.enclave, served, extra=extra)
        return ArtifactCorrupt(f"version {version.version} of {version.uri} is damaged and set aside: {served}")

    def _live(self, enclave: int, uri: str, version: int) -> Version:
        with self._catalog.read() as connection:
            for known in rows.select(connection, [VersionState.LIVE], enclave, uri):
                if known.version == version:
                    return known
        raise NoSuchVersion(f"there is no version {version} of {uri}: see insitu models list")

    def _of_run(self, enclave: int, uri: str, run: int) -> Version | None:
        with self._catalog.read() as connection:
            live = rows.select(connection, [VersionState.LIVE], enclave, uri)
        return next((known for known in live if known.run == run), None)

    def _before_the_one_in_use(self, enclave: int, uri: str) -> Version:
        serving = self.in_use(enclave, uri)
        with self._catalog.read() as connection:
            live = rows.select(connection, [VersionState.LIVE], enclave, uri)
        if not live:
            raise NoSuchVersion(f"{uri} has no version: its training session must run first")
        for known in live:
            if serving is not None and known.version < serving[0]:
                return known
        raise NoEarlierVersion(f"{uri} has no earlier version than the one in use: there is nothing to roll back to")

    def _put_into_use(self, connection: sqlite3.Connection, enclave: int, uri: str, version: int) -> None:
        connection.execute("UPDATE artifacts SET in_use=? WHERE enclave=? AND uri=?", (version, enclave, uri))

    def _load_serving(self) -> None:
        """Replace what `in_use` answers from, whole, by what the catalog says."""
        with self._lock, self._catalog.read() as connection:
            query = """SELECT a.enclave, a.uri, v.version, v.sha256 FROM artifacts a JOIN versions v
                ON v.enclave = a.enclave AND v.uri = a.uri AND v.version = a.in_use AND v.state = 'live'"""
            self._serving = {
                (enclave, uri): (number, sha256) for enclave, uri, number, sha256 in connection.execute(query)
            }

    def _path(self, version: Version) -> Path:
        uri = parse_uri(version.uri)
        assert isinstance(uri, ArtifactUri)
        return self._folder / str(version.enclave) / uri.session / uri.name / str(version.version)


def _check_uri(uri: str) -> None:
    parsed = parse_uri(uri)
    if not isinstance(parsed, ArtifactUri) or str(parsed) != uri:
        raise BadUri(f"{uri!r} is not mutable: write artifact:/SESSION/NAME")
