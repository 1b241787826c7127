"""Whether LevelDB takes a small write without making its writer wait: a decision without a database.

A writer waits when the table in memory is full before the one before it has reached the disk, or when the disk falls
behind with compacting: both take megabytes of writes in a short time, or a disk that is slow at the moment.
"""

from dataclasses import dataclass

SMALL_BYTES = 16 << 10
CALM_BYTES = 4 << 20
"""As much as a table in memory holds."""
CALM_BYTES_PER_S = 8 << 20
"""At this rate a table is on disk long before the next is full, on the slowest disks that devices have."""
LONG_S = 0.01
"""Longer than waiting for the interpreter takes, shorter than a disk that has to catch up."""
WARY_S = 5.0
"""After a write that took long."""


@dataclass(slots=True)
class Pace:
    """Told of every write. Any thread may ask or tell: a count that is lost to a race makes no difference."""

    _level_bytes: float = 0.0
    _seen_s: float = 0.0
    _wary_until_s: float = 0.0

    def calm(self, size_bytes: int, now_s: float) -> bool:
        return (
            size_bytes <= SMALL_BYTES
            and now_s >= self._wary_until_s
            and self._level_at(now_s) + size_bytes < CALM_BYTES
        )

    def wrote(self, size_bytes: int, took_s: float, now_s: float) -> None:
        self._level_bytes = self._level_at(now_s) + size_bytes
        self._seen_s = now_s
        if took_s > LONG_S and size_bytes <= SMALL_BYTES:
            self._wary_until_s = now_s + WARY_S

    def _level_at(self, now_s: float) -> float:
        return max(0.0, self._level_bytes - max(0.0, now_s - self._seen_s) * CALM_BYTES_PER_S)
