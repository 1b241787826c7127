"""Sessions: what an app presents with each call once it has proved who it is."""

import hashlib
import secrets
import threading
from dataclasses import dataclass

from context.clock import Clock
from platform_daemon.errors import Unauthenticated
from platform_daemon.transport.calls import Enclave, Peer

LIFETIME_S = 3600
_PER_ENCLAVE = 256
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Session:
    enclave: Enclave
    ends_s: float


class Sessions:
    """Open sessions, in memory as hashes of their tokens. A session ends an hour after it was opened, used or not."""

    def __init__(self, clock: Clock, *, lifetime_s: int = LIFETIME_S, per_enclave: int = _PER_ENCLAVE) -> None:
        self._now_s = clock.monotonic_s
        self.lifetime_s = lifetime_s
        self._per_enclave = per_enclave
        self._by_digest: dict[bytes, _Session] = {}
        self._of_enclave: dict[int, dict[bytes, None]] = {}  # oldest first
        self._lock = threading.Lock()  # for changes; a look-up needs none

    def __len__(self) -> int:
        """How many are open; some may have ended unnoticed."""
        return len(self._by_digest)

    def open(self, enclave: Enclave) -> str:
        """A new session's token. Beyond the limit, the enclave's oldest session ends: its holder opens another."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        digest = _digest(token)
        with self._lock:
            own = self._of_enclave.setdefault(enclave.number, {})
            now_s = self._now_s()
            while own and (len(own) >= self._per_enclave or self._by_digest[next(iter(own))].ends_s <= now_s):
                self._drop(next(iter(own)))
            self._of_enclave.setdefault(enclave.number, own)[digest] = None
            self._by_digest[digest] = _Session(enclave, now_s + self.lifetime_s)
        return token

    def check(self, token: str, peer: Peer) -> Enclave:
        """The session's enclave. Raises Unauthenticated if it is unknown, over, or another user's."""
        session = self._by_digest.get(_digest(token))
        if session is None or session.enclave.uid != peer.uid or session.ends_s <= self._now_s():
            raise Unauthenticated("the call has no open session: open one", reason="NO_SESSION")
        return session.enclave

    def close(self, token: str, peer: Peer) -> None:
        """End a session. Raises as `check` does."""
        self.check(token, peer)
        with self._lock:
            self._drop(_digest(token))

    def end_package(self, package: str) -> None:
        """End all sessions of an app, of every user."""
        with self._lock:
            for digest in [one for one, session in self._by_digest.items() if session.enclave.package == package]:
                self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        session = self._by_digest.pop(digest, None)
        if session is None:
            return
        own = self._of_enclave[session.enclave.number]
        del own[digest]
        if not own:
            del self._of_enclave[session.enclave.number]


def _digest(token: str) -> bytes:
    # A keyed or slow hash would add nothing: tokens are 256 random bits.
    return hashlib.sha256(token.encode()).digest()
