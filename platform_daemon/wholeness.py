"""Whether a state folder is whole, and of a release that this one understands: looked at before anything is changed.

A part that is missing beside others is never made anew: new enclaves would get the numbers of old ones, and with them
their examples. So what is there says what else must be.
"""

from pathlib import Path

from artifact_manager.catalog import SCHEMA_VERSION as ARTIFACTS_VERSION
from platform_daemon.errors import DataLoss, give_up
from platform_daemon.state.database import refuse_newer, version_of
from platform_daemon.state.migrations import SCHEMA_VERSION
from platform_daemon.store import folder as store_folder

STORE = "examples"
STATE = "state.db"
ARTIFACTS = "artifacts.db"
_HOLD_ARTIFACTS = ("personal", "artifacts/objects")


def check_folder(folder: Path) -> None:
    """Before opening. Raises SchemaFromTheFuture or FailedPrecondition for a later release's files, DataLoss for what
    is damaged or missing; nothing has been changed then."""
    state_version = version_of(folder / STATE)
    artifacts_version = version_of(folder / ARTIFACTS)
    refuse_newer(folder / STATE, state_version, SCHEMA_VERSION)
    refuse_newer(folder / ARTIFACTS, artifacts_version, ARTIFACTS_VERSION)
    store_folder.refuse_newer(folder / STORE)
    if state_version and not any((folder / STORE / name).exists() for name in ("format", "keyring")):
        raise _lost(folder, "example store, examples/")
    if not artifacts_version and any(_files(folder / name) for name in _HOLD_ARTIFACTS):
        raise _lost(folder, f"catalog of artifacts, {ARTIFACTS}")


def check_state(folder: Path, *, store_is_empty: bool) -> None:
    """Once the store is open, and before the state database is. Raises DataLoss."""
    if not store_is_empty and not version_of(folder / STATE):
        raise _lost(folder, f"state database, {STATE}, without which nobody knows whose its examples are")


def _files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def _lost(folder: Path, what: str) -> DataLoss:
    return DataLoss(
        f"the state folder {folder} has lost its {what}: {give_up(folder)}",
        reason="STATE_INCOMPLETE",
    )
