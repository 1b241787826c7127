"""Keeps one trouble that repeats itself from filling the disk: a few lines, then one a minute with the count."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

BURST = 5
WINDOW_S = 60.0
KEYS_REMEMBERED = 256


@dataclass(slots=True)
class _Seen:
    until_s: float
    written: int = 0
    withheld: int = 0


class Repeats(logging.Filter):
    """Of records alike, lets five through in each minute; the next one after that says how many were withheld.

    Alike are records of one level, place in the code, event, package and source. Records below WARNING all pass:
    who asks for them wants them.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._seen: dict[tuple[object, ...], _Seen] = {}
        self.withheld = 0
        """In all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now_s = self._monotonic_s()
        with self._lock:
            seen = self._of(_key(record), now_s)
            if seen.written >= BURST:
                seen.withheld += 1
                self.withheld += 1
                return False
            seen.written += 1
            record.__dict__["repeated"], seen.withheld = seen.withheld, 0
            return True

    def _of(self, key: tuple[object, ...], now_s: float) -> _Seen:
        seen = self._seen.pop(key, None)
        if seen is None:
            seen = _Seen(now_s + WINDOW_S)
        elif now_s >= seen.until_s:
            seen.until_s, seen.written = now_s + WINDOW_S, 0
        self._seen[key] = seen  # the last one touched stands last
        if len(self._seen) > KEYS_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return seen


def _key(record: logging.LogRecord) -> tuple[object, ...]:
    fields = getattr(record, "fields", None)
    given = fields if isinstance(fields, dict) else {}
    who = (str(given.get("package", "")), str(given.get("source", "")))
    return (record.levelno, record.pathname, record.lineno, getattr(record, "event", ""), *who)
