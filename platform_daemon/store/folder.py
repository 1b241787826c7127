"""The folder of a store: who holds it, and whether it is new, whole, or half made.

    lock          held by flock for as long as the store is open, never read, never removed
    format        the marker: what a finished folder says of itself; written last
    unfinished    there while a new folder is being made
    keyring       the data keys (`keyring.py`)
    clock         what the clocks have shown (`store_time.py`); without it the time has to be confirmed anew
    master.key    wraps the keyring (`master_key.py`), where no other place is named for it
    examples/     LevelDB; nobody else opens a file in it; examples-N/ where the format is another than 1

The lock is our own because LevelDB's is a POSIX record lock, which the process drops when it opens and closes the lock
file anywhere, a second handle included. The marker is our own because LevelDB, told to create what is missing, empties
a database that has lost its CURRENT file without a word: so it is told so only while `unfinished` is there.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from platform_daemon.errors import DataLoss, FailedPrecondition, Unavailable, give_up
from platform_daemon.store.atomic_file import Disk, discard_temporary, replace
from platform_daemon.store.migrations import STEPS, Step, convert, database_name

FORMAT = 1 + len(STEPS)
"""What this release writes."""
_MARK = re.compile(r"insitu example store, format ([1-9][0-9]{0,8})\n")


def format_of(folder: Path) -> int:
    """The format of the store in a folder; 0 where there is none, or an unfinished one. Raises DataLoss."""
    try:
        mark = (folder / "format").read_bytes()
    except FileNotFoundError:
        return 0
    found = _MARK.fullmatch(mark.decode("latin-1"))
    if found is None:
        raise DataLoss(f"the file {folder / 'format'} is damaged: {give_up(folder.parent)}", reason="STORE_DAMAGED")
    return int(found[1])


def refuse_newer(folder: Path, known: int = FORMAT) -> None:
    """Raises FailedPrecondition when the store in a folder is of a later release, DataLoss when that is not to be
    known."""
    found = format_of(folder)
    if found > known:
        raise FailedPrecondition(
            f"the store in {folder} has format {found}, this release knows {known}: install the newer release again",
            reason="STORE_FORMAT",
        )


class StoreFolder:
    """A folder held by this process alone. Release it last."""

    def __init__(self, path: Path, disk: Disk, steps: Sequence[Step] = STEPS) -> None:
        """`steps` lead from the first format to the one to be used. Raises Unavailable when another store, of any
        process, has the folder."""
        self.path = path
        self._steps = steps
        self._known = 1 + len(steps)
        self.database = path / database_name(self._known)
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
        """Run `make` if the folder is new or was never finished; then it is finished. An earlier format is migrated.

        Raises DataLoss when anything of a folder with data is gone, FailedPrecondition for a later release's."""
        discard_temporary(self._format)
        discard_temporary(self._unfinished)
        if self._format.exists():
            self._open_finished()
            return
        if self._unfinished.exists():
            # Nothing was ever acknowledged from an unfinished folder.
            shutil.rmtree(self.database, ignore_errors=True)
        elif any(self.path.glob("examples*")) or self.keyring.exists():
            raise DataLoss(f"the store in {self.path} has data but no file named format: {give_up(self.path.parent)}")
        replace(self._unfinished, self._mark(), self._disk)
        make()
        self._sync_way()
        replace(self._format, self._mark(), self._disk)
        self._unfinished.unlink()

    def release(self) -> None:
        """Let another process open the folder. Repeatable."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _sync_way(self) -> None:
        """The folders above may be as new as this one: without their names on the medium a power cut takes all of it.
        As far as they are of the same file system, and ours to open."""
        path = self.path.resolve()
        device = path.stat().st_dev
        for folder in path.parents:
            if folder.stat().st_dev != device:
                return
            try:
                self._disk.sync_folder(folder)
            except PermissionError:
                return

    def _open_finished(self) -> None:
        self._unfinished.unlink(missing_ok=True)
        refuse_newer(self.path, self._known)
        found = format_of(self.path)
        current = self.path / database_name(found)
        for needed in (current / "CURRENT", self.keyring):
            if not needed.exists():
                raise DataLoss(
                    f"the store in {self.path} has lost {needed.relative_to(self.path)}: {give_up(self.path.parent)}"
                )
        for other in self.path.glob("examples*"):
            if other != current:
                # The new one of a migration that did not get as far as the mark, or the old one of one that did.
                shutil.rmtree(other)
        if found < self._known:
            convert(current, self.database, self._steps[found - 1 :])
            self._disk.sync_folder(self.path)
            replace(self._format, self._mark(), self._disk)
            shutil.rmtree(current)

    def _mark(self) -> bytes:
        return f"insitu example store, format {self._known}\n".encode()
