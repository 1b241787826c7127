"""Nonces that the daemon need not remember until they are used.

A nonce carries its own end and a keyed hash of whom it is for, so that asking for many fills nothing. Only what a valid
token used is remembered, until it would have ended anyway. The key lives as long as the process: a restart ends all.
"""

import hashlib
import hmac
import secrets
import struct
import threading
from collections import OrderedDict

from context.clock import Clock
from platform_daemon.errors import ResourceExhausted, Unauthenticated

LIFETIME_S = 60
_USES_LIMIT = 1024
_ENDS = struct.Struct(">Q")  # milliseconds on the monotonic clock
_RANDOM_BYTES = 16
_TAG_BYTES = 32
_NONCE_BYTES = _ENDS.size + _RANDOM_BYTES + _TAG_BYTES

_Holder = tuple[int, str]


class Nonces:
    """Issues nonces to (uid, package), each good for one token."""

    def __init__(self, clock: Clock, *, uses_limit: int = _USES_LIMIT) -> None:
        """`uses_limit` bounds the tokens of one app and user within the lifetime of a nonce."""
        self._clock = clock
        self._uses_limit = uses_limit
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._used: dict[_Holder, OrderedDict[bytes, int]] = {}  # nonce to the time of its use, oldest first

    def issue(self, uid: int, package: str) -> bytes:
        body = _ENDS.pack(self._now_ms() + LIFETIME_S * 1000) + secrets.token_bytes(_RANDOM_BYTES)
        return body + self._tag(body, uid, package)

    def use(self, nonce: bytes, uid: int, package: str) -> None:
        """Spend a nonce, to be called last, when all else of the token has been verified.

        Raises Unauthenticated (BAD_NONCE: made up, or another's; NONCE_EXPIRED; NONCE_USED), ResourceExhausted.
        """
        body, tag = nonce[:-_TAG_BYTES], nonce[-_TAG_BYTES:]
        if len(nonce) != _NONCE_BYTES or not hmac.compare_digest(tag, self._tag(body, uid, package)):
            raise _refused("is not one that this daemon gave to this app and user", "BAD_NONCE")
        (ends_ms,) = _ENDS.unpack_from(body)
        now_ms = self._now_ms()
        if now_ms >= ends_ms:
            raise _refused(f"is older than {LIFETIME_S} seconds", "NONCE_EXPIRED")
        with self._lock:
            used = self._used.setdefault((uid, package), OrderedDict())
            while used and next(iter(used.values())) <= now_ms - LIFETIME_S * 1000:
                used.popitem(last=False)
            if nonce in used:
                raise _refused("was used before", "NONCE_USED")
            if len(used) >= self._uses_limit:
                raise ResourceExhausted(
                    f"{self._uses_limit} tokens of this app were used within {LIFETIME_S} seconds: keep sessions open",
                    reason="TOO_MANY_TOKENS",
                )
            used[nonce] = now_ms

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    def _tag(self, body: bytes, uid: int, package: str) -> bytes:
        return hmac.digest(self._key, b"%b|%d|%b" % (body, uid, package.encode()), hashlib.sha256)


def _refused(why: str, reason: str) -> Unauthenticated:
    return Unauthenticated(f"the token's nonce {why}: ask for a new challenge", reason=reason)
