"""Tries whether a daemon could open the state folder, without one: on a shadow of it, and in the daemon's own words.

The shadow is a folder in memory, where the machine has one, else among temporary files. What opening would write to is
copied: logs and manifests of LevelDB, SQLite files, a few megabytes. All else is a link, and only read: tables, sealed
files and keys, so that no copy of a key outlives its destruction. Nothing of the state folder is opened for writing,
and LevelDB's LOCK not at all.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from artifact_manager import ArtifactError, Catalog
from context import ContextError, SystemClock, assemble
from platform_daemon.access import AuthorityUnusable, Issuer
from platform_daemon.configuration import Configuration
from platform_daemon.device import context_settings
from platform_daemon.errors import DaemonError, ResourceExhausted
from platform_daemon.state import Database, SchemaFromTheFuture
from platform_daemon.store import database as store_database
from platform_daemon.store import folder as store_folder
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.master_key import MasterKey
from platform_daemon.store.scope import Selector
from platform_daemon.wholeness import ARTIFACTS, STATE, STORE, check_folder, check_state

_IN_MEMORY = Path("/dev/shm")
_SPARE_BYTES = 4 << 20
_REFUSALS = (DaemonError, ArtifactError, AuthorityUnusable, SchemaFromTheFuture)
_READ_ONLY = (".ldb", ".sst")
_SQLITE = (STATE, f"{STATE}-wal", ARTIFACTS, f"{ARTIFACTS}-wal")


def refusals(configuration: Configuration) -> Sequence[str]:
    """What a daemon with this configuration would say instead of starting, as far as its state folder is concerned.
    For a folder that nobody has open. Nothing that it finds is raised."""
    folder = configuration.locations.state
    if not folder.is_dir():
        return []
    try:
        with tempfile.TemporaryDirectory(prefix="insitu-doctor-", dir=_place()) as made:
            shadow = Path(made) / "state"
            _cast(folder, shadow)
            return [str(error).replace(str(shadow), str(folder)) for error in _tried(shadow, folder)]
    except OSError as error:
        return [f"{error.filename or folder} cannot be read, or not be tried on a copy ({error.strerror}): mend that"]


def context_refusal(configuration: Configuration) -> str:
    """What a daemon would say of its sources of context; empty where it would start them."""
    try:
        assemble(SystemClock(), context_settings(configuration))
    except ContextError as error:
        return str(error)
    return ""


def _tried(shadow: Path, folder: Path) -> Iterator[Exception]:
    if (whole := _refusal(lambda: check_folder(shadow))) is not None:
        yield whole
        return
    checks = (
        lambda: _store(shadow),
        lambda: _database(shadow),
        lambda: _catalog(shadow),
        lambda: check_room(folder, shutil.disk_usage(folder).free),
    )
    yield from (error for check in checks if (error := _refusal(check)) is not None)


def _refusal(check: Callable[[], None]) -> Exception | None:
    try:
        check()
    except _REFUSALS as error:
        return error
    return None


def _store(shadow: Path) -> None:
    path = shadow / STORE
    if not path.exists() or (_finished(path) and store_folder.format_of(path) != store_folder.FORMAT):
        return  # To try it, an earlier format would have to be converted.
    held = store_folder.StoreFolder(path, LocalDisk())
    try:
        is_new = (path / "unfinished").exists() and not _finished(path)
        held.provision(lambda: None)
        if is_new or not held.keyring.exists():
            return
        keyring = Keyring.load(held.keyring, MasterKey.load(held.master_key))
        store_database.Database(held.database).close()
    finally:
        held.release()
    check_state(shadow, store_is_empty=not keyring.select(Selector()))


def _finished(store: Path) -> bool:
    return (store / "format").exists()


def _database(shadow: Path) -> None:
    if not (shadow / STATE).exists():
        return
    with closing(Database(shadow / STATE, ())) as database, database.read() as connection:
        try:
            (apps,) = connection.execute("SELECT count(*) FROM apps").fetchone()
        except sqlite3.OperationalError:  # Not made yet.
            return
    if apps:
        Issuer.open(shadow / "authority")


def _catalog(shadow: Path) -> None:
    if (shadow / ARTIFACTS).exists():
        Catalog(shadow / ARTIFACTS).close()


def check_room(folder: Path, free_bytes: int) -> None:
    """Recovery writes the logs once more, as tables with an index. Raises ResourceExhausted."""
    logs = sum(path.stat().st_size for path in folder.glob(f"{STORE}/examples*/*.log"))
    needed = logs + logs // 4 + _SPARE_BYTES
    if logs and free_bytes < needed:
        raise ResourceExhausted(
            f"the disk of {folder} has {free_bytes >> 20} MiB free, and to recover the example store takes "
            f"{needed >> 20}: make room"
        )


def _cast(folder: Path, shadow: Path) -> None:
    """Make the shadow of a state folder."""
    shadow.mkdir(0o700)
    for path in folder.iterdir():
        if path.name in _SQLITE:
            shutil.copyfile(path, shadow / path.name)
        elif path.name == STORE and path.is_dir():
            (shadow / STORE).mkdir(0o700)
            _cast_store(path, shadow / STORE)
        elif path.is_dir():
            (shadow / path.name).symlink_to(path.absolute())


def _cast_store(store: Path, shadow: Path) -> None:
    for path in store.iterdir():
        if path.is_dir():
            (shadow / path.name).mkdir(0o700)
            for file in path.iterdir():
                if file.name.endswith(_READ_ONLY):
                    (shadow / path.name / file.name).symlink_to(file.absolute())
                elif file.name not in ("LOCK", "LOG", "LOG.old"):
                    shutil.copyfile(file, shadow / path.name / file.name)
        elif path.name in ("keyring", "master.key"):
            (shadow / path.name).symlink_to(path.absolute())
        elif path.name in ("format", "unfinished"):
            shutil.copyfile(path, shadow / path.name)


def _place() -> Path | None:
    return _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None
