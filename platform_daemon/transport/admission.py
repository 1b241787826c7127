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
    per_app: int = 32
    """Of those that present a session: one app leaves places to the other apps of its user."""
    silent_per_uid: int = 32
    silent_in_all: int = 64
    silence_s: float = 10.0
    """How long a connection may keep its first bytes to itself."""
    strangers_yield: bool = True
    """Whether connections without a session make room for newer ones. Not where nobody needs a session."""


ConnectionT = TypeVar("ConnectionT", bound=Hashable)


@dataclass(slots=True)
class _Place:
    uid: int
    pid: int
    app: Hashable = None


class Admission(Generic[ConnectionT]):
    """Counts connections by uid: the silent, those that have said what they want, and among these those with a session.

    Silent connections are never refused, the oldest yield to newer ones: a process that opens many and says nothing
    keeps nobody out. Of those that speak, strangers yield where places run out, the oldest of the process that has
    most; those with a session keep their place. Beyond the limit a connection is refused, and stays among the silent.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._silent: dict[ConnectionT, _Place] = {}  # these two in order of arrival
        self._speaking: dict[ConnectionT, _Place] = {}
        self._silent_of: Counter[Hashable] = Counter()
        self._speaking_of: Counter[Hashable] = Counter()
        self._of_app: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._silent) + len(self._speaking)

    def enter(self, connection: ConnectionT, uid: int, pid: int = 0) -> ConnectionT | None:
        """Admit a new connection. Returns the one that yields to it, if any, which has left by then."""
        yielding: ConnectionT | None = None
        if self._silent_of[uid] >= self._limits.silent_per_uid:
            yielding = self._oldest_silent(uid)
        elif len(self._silent) >= self._limits.silent_in_all:
            yielding = self._oldest_silent(max(self._silent_of, key=self._silent_of.__getitem__))
        if yielding is not None:
            self.leave(yielding)
        self._silent[connection] = _Place(uid, pid)
        self._silent_of[uid] += 1
        return yielding

    def speak(self, connection: ConnectionT) -> ConnectionT | None:
        """The first bytes made sense. Returns the stranger that yields to it, if any, which has left by then.

        Raises ResourceExhausted with the limit; the connection still may yield then.
        """
        place = self._silent[connection]
        yielding: ConnectionT | None = None
        if self._speaking_of[place.uid] >= self._limits.per_uid:
            yielding = self._stranger(place.uid)
            if yielding is None:
                raise _too_many(f"user {place.uid} has {self._limits.per_uid} connections open")
        elif len(self._speaking) >= self._limits.in_all:
            yielding = self._stranger(None)
            if yielding is None:
                raise _too_many(f"{self._limits.in_all} connections are open")
        if yielding is not None:
            self.leave(yielding)
        self.leave(connection)
        self._speaking[connection] = place
        self._speaking_of[place.uid] += 1
        return yielding

    def name(self, connection: ConnectionT, app: Hashable) -> None:
        """A connection that speaks has presented a session of `app`, and from now on keeps its place. Once for each.

        Raises ResourceExhausted with the limit; the connection is a stranger's still.
        """
        if self._of_app[app] >= self._limits.per_app:
            raise _too_many(f"this app has {self._limits.per_app} connections open")
        self._speaking[connection].app = app
        self._of_app[app] += 1

    def leave(self, connection: ConnectionT) -> None:
        """Repeatable."""
        for connections, counts in ((self._silent, self._silent_of), (self._speaking, self._speaking_of)):
            place = connections.pop(connection, None)
            if place is not None:
                _less(counts, place.uid)
                if place.app is not None:
                    _less(self._of_app, place.app)
                    place.app = None

    def _oldest_silent(self, uid: Hashable) -> ConnectionT:
        return next(connection for connection, place in self._silent.items() if place.uid == uid)

    def _stranger(self, uid: int | None) -> ConnectionT | None:
        """Who yields, of one user or of all. Walks over all connections, which are bounded."""
        if not self._limits.strangers_yield:
            return None
        strangers = [
            (connection, place.pid)
            for connection, place in self._speaking.items()
            if place.app is None and uid in (None, place.uid)
        ]
        if not strangers:
            return None
        most = Counter(pid for _, pid in strangers).most_common(1)[0][0]
        return next(connection for connection, pid in strangers if pid == most)


def _less(counts: Counter[Hashable], key: Hashable) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _too_many(what: str) -> ResourceExhausted:
    return ResourceExhausted(f"{what}, which is the limit: close some and repeat", reason="TOO_MANY_CONNECTIONS")
