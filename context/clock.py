"""Time, injected everywhere, so that a test can turn it."""

import ctypes
import functools
import os
import time
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Two clocks: the wall's for what people mean, a monotonic one for how long things take."""

    def now_ms(self) -> int:
        """Unix time in milliseconds. May jump either way."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment; never runs backwards."""
        ...


class DeviceClock(Clock, Protocol):
    """And what tells a jump of the wall clock from time that has passed."""

    def boottime_ms(self) -> int:
        """Milliseconds since the machine started, those that it slept included; never runs backwards while it runs."""
        ...

    def boot_id(self) -> str:
        """Another one after each start of the machine."""
        ...

    def synchronised(self) -> bool:
        """Whether the kernel says that the wall clock is being kept right, by NTP or the like. Setting it by hand takes
        the word back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def boottime_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def boot_id(self) -> str:
        return _boot_id()

    def synchronised(self) -> bool:
        return _kernel_says_synchronised()


class ManualClock:
    """A clock that stands still until it is turned: for tests and for simulation in virtual time."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 0.0
        self._boottime_s = 60.0
        self._boots = 1
        self.network_time = False
        """What `synchronised` answers. Jumps leave it as it is."""

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def boottime_ms(self) -> int:
        return round(self._boottime_s * 1000)

    def boot_id(self) -> str:
        return f"boot {self._boots}"

    def synchronised(self) -> bool:
        return self.network_time

    def advance(self, seconds: float) -> None:
        """Let time pass on all clocks."""
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds
        self._boottime_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a user or NTP does; no time passes. No kernel goes beyond 1970."""
        self._now_ms = max(0, self._now_ms + round(seconds * 1000))

    def reboot(self, off_s: float, up_s: float = 10.0) -> None:
        """Switch the machine off for a while that only the wall clock sees, and on again. Whoever holds a monotonic
        time of before is of a process that is gone."""
        self._boots += 1
        self._now_ms += round((off_s + up_s) * 1000)
        self._monotonic_s += up_s
        self._boottime_s = up_s


@functools.cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # No two lives of the process count as one boot then, which is the careful answer.
        return os.urandom(16).hex()


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is read; the kernel writes at most 208 bytes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("unread", ctypes.c_char * 256),
    )


_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


def _kernel_says_synchronised() -> bool:
    """A query changes nothing and needs no privilege. Where the call is refused nobody vouches for the clock."""
    timex = _Timex(modes=0)
    state = _libc().adjtimex(ctypes.byref(timex))
    return 0 <= state < _TIME_ERROR and not timex.status & _STA_UNSYNC


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
