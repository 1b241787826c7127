"""The state folder: everything that survives the daemon, opened and closed in one place.

state/
  examples/      LevelDB, its keyring and the master key: the example store
  state.db       SQLite: apps, grants, collections' options, training sessions
  artifacts.db   SQLite: who holds which artifact, versions and their lineage
  artifacts/     plans that apps handed over, by digest
  personal/      trained parameters, sealed
  checkpoints/   suspended runs, sealed
  scratch/       child processes' empty working folders, where they may not write; emptied at every start
  authority/     the embedded authority's key, whose fingerprint names this daemon in package tokens
"""

import shutil
from pathlib import Path

from artifact_manager import BlobStore, Catalog, MutableArtifacts
from context import DeviceClock
from platform_daemon import access
from platform_daemon.access import Issuer
from platform_daemon.backup import swap
from platform_daemon.configuration import LimitsSection
from platform_daemon.errors import DataLoss, FailedPrecondition, NotFound
from platform_daemon.sandbox import readable_folders
from platform_daemon.state import Database
from platform_daemon.state import collections as collection_state
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.quota import Quota
from platform_daemon.store.scope import Selector
from platform_daemon.training import records
from platform_daemon.training.checkpoints import CheckpointFolder
from platform_daemon.wholeness import ARTIFACTS, STATE, STORE, check_folder, check_state

SCHEMAS = (access.SCHEMA, collection_state.SCHEMA, records.SCHEMA)
"""Of all modules that keep something in the state database."""


class Storage:
    """Opening takes the folder for this process alone. Raises DaemonError with the remedy."""

    def __init__(self, folder: Path, clock: DeviceClock, limits: LimitsSection) -> None:
        _refuse_where_graphs_read(folder)
        check_folder(folder)
        self.folder = _private(folder)
        # First: it holds the lock that keeps a second daemon out of the whole folder.
        self.store = LevelDBStore.open(
            _private(folder / STORE),
            clock,
            quota=Quota(limits.quota_examples, limits.quota_bytes),
            reserve_bytes=limits.disk_reserve_bytes,
        )
        swap.erase_left_over(folder)
        try:
            self._open_the_rest(folder, clock, limits)
        except BaseException:
            self.store.close()
            raise

    def _open_the_rest(self, folder: Path, clock: DeviceClock, limits: LimitsSection) -> None:
        check_state(folder, store_is_empty=not self.store.keyring.select(Selector()))
        self.scratch = _emptied(folder / "scratch")
        self.database = Database(folder / STATE, SCHEMAS)
        self.catalog = Catalog(folder / ARTIFACTS)
        self.blobs = BlobStore(
            _private(folder / "artifacts"),
            self.catalog,
            clock.now_ms,
            max_blob_bytes=limits.artifact_bytes,
            quota_bytes=limits.artifact_quota_bytes,
        )
        keyring = self.store.keyring
        self.artifacts = MutableArtifacts(_private(folder / "personal"), self.catalog, keyring)
        self.checkpoints = CheckpointFolder(_private(folder / "checkpoints"), keyring, (DataLoss, NotFound))
        self.issuer = _issuer(folder / "authority", self.database)

    def close(self) -> None:
        """The store last: what closes before it may still need its keys. Repeatable."""
        self.catalog.close()
        self.database.close()
        self.store.close()


def _refuse_where_graphs_read(folder: Path) -> None:
    for readable in readable_folders():
        if folder.resolve().is_relative_to(readable):
            raise FailedPrecondition(
                f"the state folder {folder} lies beneath {readable}, which every graph may read: move it elsewhere, by "
                "INSITU_HOME or --home"
            )


def _emptied(folder: Path) -> Path:
    """What the children of a killed daemon left goes."""
    shutil.rmtree(folder, ignore_errors=True)
    return _private(folder)


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _issuer(folder: Path, database: Database) -> Issuer:
    """The authority's key: made on a device without apps, and never made anew once certificates hang on it."""
    _private(folder)
    with database.read() as connection:
        (apps,) = connection.execute("SELECT count(*) FROM apps").fetchone()
    return Issuer.open(folder) if apps or any(folder.glob("*.key")) else Issuer.provision(folder)
