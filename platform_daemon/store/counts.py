"""What a store has done since it was opened: for those who watch the daemon, never for a decision."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of examples, and of records."""

    added: int = 0
    """Stored, a repeated batch once. Of a batch beyond the collection's limit only what is kept."""
    evicted: int = 0
    """Alive, and deleted because the collection was full."""
    expired: int = 0
    """Deleted by a sweep."""
    quarantined: int = 0
    """Records that failed authentication, and were set aside."""


class Counts:
    """A tally that grows. Safe in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Apart, since every add counts: to make a tally each time would cost more than the rest of it.
        self._added = 0
        self._evicted = 0
        self._expired = 0
        self._quarantined = 0

    @property
    def tally(self) -> Tally:
        with self._lock:
            return Tally(self._added, self._evicted, self._expired, self._quarantined)

    def add(self, *, added: int = 0, evicted: int = 0, expired: int = 0, quarantined: int = 0) -> None:
        with self._lock:
            self._added += added
            self._evicted += evicted
            self._expired += expired
            self._quarantined += quarantined
