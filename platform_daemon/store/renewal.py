"""When to give a database whose handle takes no more writes another one: once the disk has room again, and not at every
call.

The old handle still reads, and to open a new one may fail. So the room that recovery needs is asked for first.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from context.clock import Clock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.logs import LogEvent, marked, outline
from platform_daemon.store.atomic_file import Disk
from platform_daemon.store.database import Database
from platform_daemon.store.disk_errors import refusal

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""After a try that failed, and after one that succeeded where it was not for room: a disk or a file may be bad, and
fail again at once."""
SPARE_BYTES = 4 << 20
"""Room for what is stored after recovery, so that it is worth the effort."""


class Renewal:
    """Of one database. `recover` loads again what the store keeps in memory."""

    def __init__(self, database: Database, folder: Path, disk: Disk, clock: Clock, recover: Callable[[], None]) -> None:
        self._database = database
        self._folder = folder
        self._disk = disk
        self._clock = clock
        self._recover = recover
        self._lock = threading.Lock()
        self._not_before_s = float("-inf")

    def attempt(self) -> bool:
        """Reopen if that is due and has a chance; whether writing is possible now. To be called outside the gate.
        What keeps it from opening is told to those who enter the gate."""
        with self._lock:
            if self._database.failure is None:
                return True
            if self._clock.monotonic_s() < self._not_before_s or not self._has_room():
                return False
            was_full = isinstance(self._database.refused(), ResourceExhausted)
            try:
                self._database.reopen(self._recover)
            except Exception as error:  # noqa: BLE001 - a defect too is told to those who enter, and met once a second
                self._pause()
                extra = marked(LogEvent.STORE_UNUSABLE, error=outline(error))
                log.error("the example database cannot be opened again: %s", error, extra=extra)
                return False
            if self._database.failure is not None:
                return False
            if not was_full:
                self._pause()
            extra = marked(LogEvent.STORE_REOPENED)
            log.warning("the example database has been opened again after a failed write", extra=extra)
            return True

    def _pause(self) -> None:
        self._not_before_s = self._clock.monotonic_s() + PAUSE_S

    def _has_room(self) -> bool:
        """Recovery writes the logs once more, as tables with an index."""
        try:
            logs = self._database.log_bytes()
            self._disk.reserve(self._folder, logs + logs // 4 + SPARE_BYTES)
        except OSError as error:
            if refusal(error.errno, "") is None:
                raise
            return False
        return True
