"""What the sources have in common that the kernel tells when to look again."""

import abc
import threading
from collections.abc import Hashable
from typing import Final

from context.clock import Clock, SystemClock
from context.source import Mode, Observation, Publish
from context.sources.listening import KernelListener
from context.sources.netlink import OpenSocket

_CLOCK: Final = SystemClock()
_LATEST_S: Final = 5.0
"""No announcement comes later than this after the change; the kernel holds those of links back for up to a second."""


class AnnouncedSource(abc.ABC):
    """Reads one type from sysfs, and listens to the kernel for when to read it again.

    The truth is always read, never taken from an announcement. The mode is LISTENER while the kernel is heard. It falls
    back to ONE_SHOT, until the next start, where the socket is refused or fails, and where a read finds a change that
    the kernel never announced: some drivers do not, and uevents do not reach the network namespaces of containers
    without privileges. `degraded` says which.
    """

    def __init__(self, context_type: str, open_socket: OpenSocket, clock: Clock | None) -> None:
        self._type = context_type
        self._clock = clock or _CLOCK
        self._listener: KernelListener[Observation | None] = KernelListener(context_type, open_socket, self._concerns)
        self._lock = threading.Lock()
        self._looks = 0
        self._known: Hashable = None
        self._unannounced_s: float | None = None

    @property
    def mode(self) -> Mode:
        return Mode.LISTENER if self._listener.listening else Mode.ONE_SHOT

    @property
    def degraded(self) -> str:
        """Why it is polled instead; empty where it listens."""
        return self._listener.failure

    def start(self, publish: Publish) -> None:
        """Listen if the kernel allows; the first reading comes from the listener's thread."""
        with self._lock:
            self._unannounced_s = None
        self._listener.start(self._look_again, lambda seen: publish(self._type, seen))

    def stop(self) -> None:
        """End the listener; waits a second at most for a driver that does not answer."""
        self._listener.stop()

    def read(self, context_type: str) -> Observation | None:
        """What sysfs shows now, whether the kernel is heard or not."""
        with self._lock:
            looks = self._looks
        seen = self._look()
        if self._listener.listening and self._is_deaf(looks, self._announced(seen)):
            self._listener.stop(f"polls, for the kernel does not announce changes of {self._type} here")
        return seen

    @abc.abstractmethod
    def _look(self) -> Observation | None:
        """Read sysfs."""

    @abc.abstractmethod
    def _concerns(self, announcement: bytes) -> bool:
        """Whether the kernel's announcement may be about this type."""

    @abc.abstractmethod
    def _announced(self, seen: Observation | None) -> Hashable:
        """That part of what was seen whose changes the kernel ought to announce."""

    def _look_again(self) -> Observation | None:
        """On the listener's thread, so what changed was announced."""
        seen = self._look()
        with self._lock:
            self._looks += 1
            self._known = self._announced(seen)
            self._unannounced_s = None
        return seen

    def _is_deaf(self, looks_before: int, announced: Hashable) -> bool:
        """Whether a change was seen so long ago that its announcement will not come any more."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            # Without a look of the listener's to compare with, or with one amid this read, nothing follows.
            if looks_before == 0 or self._looks != looks_before:
                return False
            if self._unannounced_s is not None:
                return now_s - self._unannounced_s > _LATEST_S
            if announced != self._known:
                self._unannounced_s = now_s
            return False
