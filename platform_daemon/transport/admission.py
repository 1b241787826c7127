"""How many connections may be open, and which yields: decisions without sockets."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from platform_daemon.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on the connections of one socket. A gRPC connection takes three file descriptors."""

    per_uid: int = 64
    in_all: int = 256
    silent_per_uid: int = 32
    silent_in_all: int = 64
    silence_s: float = 10.0
    """How long a connection may keep its first bytes to itself."""


ConnectionT = TypeVar("ConnectionT", bound=Hashable)


class Admission(Generic[ConnectionT]):
    """Counts connections by uid, the silent apart from those that have said what they want.

    Silent connections are never refused, the oldest yield to newer ones: a process that opens many and says nothing
    keeps nobody out. Those that speak keep their place. Beyond the limit they are refused, and stay among the silent.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._silent: dict[ConnectionT, int] = {}  # uid; in order of arrival
        self._speaking: dict[ConnectionT, int] = {}
        self._silent_of: Counter[int] = Counter()
        self._speaking_of: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._silent) + len(self._speaking)

    def enter(self, connection: ConnectionT, uid: int) -> ConnectionT | None:
        """Admit a new connection. Returns the one that yields to it, if any, which has left by then."""
        yielding: ConnectionT | None = None
        if self._silent_of[uid] >= self._limits.silent_per_uid:
            yielding = self._oldest_silent(uid)
        elif len(self._silent) >= self._limits.silent_in_all:
            yielding = self._oldest_silent(max(self._silent_of, key=self._silent_of.__getitem__))
        if yielding is not None:
            self.leave(yielding)
        self._silent[connection] = uid
        self._silent_of[uid] += 1
        return yielding

    def speak(self, connection: ConnectionT) -> None:
        """The first bytes made sense. Raises ResourceExhausted with the limit; the connection still may yield then."""
        uid = self._silent[connection]
        if self._speaking_of[uid] >= self._limits.per_uid:
            raise _too_many(f"user {uid} has {self._limits.per_uid} connections open")
        if len(self._speaking) >= self._limits.in_all:
            raise _too_many(f"{self._limits.in_all} connections are open")
        self.leave(connection)
        self._speaking[connection] = uid
        self._speaking_of[uid] += 1

    def leave(self, connection: ConnectionT) -> None:
        """Repeatable."""
        for connections, counts in ((self._silent, self._silent_of), (self._speaking, self._speaking_of)):
            uid = connections.pop(connection, None)
            if uid is not None:
                counts[uid] -= 1
                if not counts[uid]:
                    del counts[uid]

    def _oldest_silent(self, uid: int) -> ConnectionT:
        return next(connection for connection, owner in self._silent.items() if owner == uid)


def _too_many(what: str) -> ResourceExhausted:
    return ResourceExhausted(f"{what}, which is the limit: close some and repeat", reason="TOO_MANY_CONNECTIONS")
