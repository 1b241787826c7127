"""Room on the disk that examples may not take, so that deleting them and starting again find some.

Deleting writes before it frees anything, and LevelDB writes a table anew before it drops the old ones.
"""

import logging
from pathlib import Path

from platform_daemon.errors import ResourceExhausted
from platform_daemon.logs import LogEvent, marked
from platform_daemon.store.atomic_file import Disk

log = logging.getLogger(__name__)

LARGEST_SHARE = 2
"""At most one part in so many of a small disk is kept free. There a compaction has little more to write than that."""
NEAR = 2
"""Reserves that are left where the disk counts as scarce."""
LOOK_BYTES = 1 << 20
LOOK_MS = 1000
"""Others fill the disk too."""
_OVERHEAD_BYTES = 128
"""Of one record: its header, and its places in the index."""


class Reserve:
    """Of the file system of one folder. Any thread may ask; a race between them lets a little more in."""

    def __init__(self, folder: Path, disk: Disk, size_bytes: int) -> None:
        self._folder = folder
        self._disk = disk
        self._size_bytes = size_bytes
        self._left_bytes = 0
        """Until the next look."""
        self._looked_ms = 0
        self._low = False

    def check(self, examples: int, size_bytes: int, now_ms: int) -> None:
        """Before so much is stored. Raises ResourceExhausted where it would go into the reserve."""
        size_bytes += examples * _OVERHEAD_BYTES
        left = self._left_bytes - size_bytes
        if left >= 0 and -LOOK_MS < now_ms - self._looked_ms < LOOK_MS:
            self._left_bytes = left
            return
        self._look(size_bytes, now_ms)

    def scarce(self) -> bool:
        """Whether the reserve is near, so that what was deleted should be given back at once."""
        free, total = self._disk.room(self._folder)
        return free < NEAR * self._kept(total)

    def _look(self, size_bytes: int, now_ms: int) -> None:
        free, total = self._disk.room(self._folder)
        kept = self._kept(total)
        left = free - kept - size_bytes
        if left < 0:
            self._left_bytes = 0
            self._tell(low=True)
            raise ResourceExhausted(
                f"the disk has {free >> 20} MiB left, of which {kept >> 20} MiB are kept free for deleting "
                "and starting again: free some space, or have the owner lower limits.disk_reserve_bytes, and repeat",
                reason="DISK_FULL",
                detail=str(kept),
            )
        self._left_bytes, self._looked_ms = min(left, LOOK_BYTES), now_ms
        self._tell(low=False)

    def _kept(self, total_bytes: int) -> int:
        return min(self._size_bytes, total_bytes // LARGEST_SHARE)

    def _tell(self, *, low: bool) -> None:
        if low and not self._low:
            log.warning("the disk has no room for more examples", extra=marked(LogEvent.DISK_LOW))
        self._low = low
