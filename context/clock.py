"""Time, injected everywhere, so that a test can turn it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: the wall's for what people mean, a monotonic one for how long things take."""

    def now_ms(self) -> int:
        """Unix time in milliseconds. May jump either way."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment; never runs backwards."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is turned: for tests and for simulation in virtual time."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 0.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a user or NTP does; no time passes."""
        self._now_ms += round(seconds * 1000)
