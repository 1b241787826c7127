"""A disk that can lose power after any step of replacing a file, or fill up."""

import errno
from pathlib import Path
from typing import ClassVar

from platform_daemon.store.atomic_file import LocalDisk


class PowerCut(BaseException):
    """Nothing runs after it: no handler of errors may tidy up."""


class CrashingDisk(LocalDisk):
    """The machine's disk until `crash_at` or `fill` says otherwise."""

    STEPS: ClassVar = ("begun", "half written", "written", "renamed", "synced")

    def __init__(self) -> None:
        self.done: list[str] = []
        self._crash_at: str | None = None
        self._spared = 0
        self._full = False

    def crash_at(self, step: str, spared: int = 0) -> None:
        """Cut the power once, after this step; so many files are spared first."""
        self._crash_at = step
        self._spared = spared

    def fill(self) -> None:
        self._full = True

    def make_room(self) -> None:
        self._full = False

    def write(self, path: Path, data: bytes) -> None:
        self._reach("begun")
        if self._full or (self._crash_at == "half written" and not self._spared):
            path.write_bytes(data[: len(data) // 2])
        self._reach("half written")
        if self._full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)
        self.done.append("written")
        self._reach("written")

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.done.append("renamed")
        self._reach("renamed")

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.done.append("synced")
        self._reach("synced")

    def _reach(self, step: str) -> None:
        if self._crash_at != step:
            return
        self._spared -= 1
        if self._spared < 0:
            self._crash_at = None
            raise PowerCut(step)
