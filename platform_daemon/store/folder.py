"""The folder of a store: who holds it, and whether it is new, whole, or half made.

    lock          held by flock for as long as the store is open, never read, never removed
    format        the marker: what a finished folder says of itself; written last
    unfinished    there while a new folder is being made
    keyring       the data keys (`keyring.py`)
    master.key    wraps the keyring (`master_key.py`), where no other place is named for it
    examples/     LevelDB; nobody else opens a file in it

The lock is our own because LevelDB's is a POSIX record lock, which the process drops when it opens and closes the lock
file anywhere, a second handle included. The marker is our own because LevelDB, told to create what is missing, empties
a database that has lost its CURRENT file without a word: so it is told so only while `unfinished` is there.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from platform_daemon.errors import DataLoss, FailedPrecondition, Unavailable
from platform_daemon.store.atomic_file import Disk, discard_temporary, replace
from platform_daemon.store.layout import FORMAT

_MARK = f"insitu example store, format {FORMAT}\n".encode()


class StoreFolder:
    """A folder held by this process alone. Release it last."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Raises Unavailable when another store, of any process, has the folder."""
        self.path = path
        self.database = path / "examples"
        self.keyring = path / "keyring"
        self.master_key = path / "master.key"
        self._format = path / "format"
        self._unfinished = path / "unfinished"
        self._disk = disk
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Unavailable(
                f"the store in {path} is open already: stop the daemon that runs there", reason="STORE_IN_USE"
            ) from error

    def provision(self, make: Callable[[], None]) -> None:
        """Run `make` if the folder is new or was never finished; then it is finished.

        Raises DataLoss when the marker of a folder with data is gone, FailedPrecondition for an unknown format."""
        discard_temporary(self._format)
        discard_temporary(self._unfinished)
        if self._format.exists():
            self._check_format()
            return
        if self._unfinished.exists():
            # Nothing was ever acknowledged from an unfinished folder.
            shutil.rmtree(self.database, ignore_errors=True)
        elif self.database.exists() or self.keyring.exists():
            raise DataLoss(
                f"the store in {self.path} has data but no file named format: restore it from a backup, "
                "or remove the folder to start anew"
            )
        replace(self._unfinished, _MARK, self._disk)
        make()
        replace(self._format, _MARK, self._disk)
        self._unfinished.unlink()

    def release(self) -> None:
        """Let another process open the folder. Repeatable."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _check_format(self) -> None:
        self._unfinished.unlink(missing_ok=True)
        mark = self._format.read_bytes()
        if mark != _MARK:
            raise FailedPrecondition(
                f"the store in {self.path} says {mark[:80]!r} and this release reads format {FORMAT}: "
                "run the release that wrote it",
                reason="STORE_FORMAT",
            )
        if not (self.database / "CURRENT").exists() or not self.keyring.exists():
            raise DataLoss(
                f"the store in {self.path} has lost its database or its keyring: restore it from a backup, "
                "or remove the folder to start anew"
            )
