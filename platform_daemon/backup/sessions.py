"""A backup under way: whoever asks for page after page gets a sealed file, and never sees what is in it.

One at a time, since each pins what the store would otherwise let go of. One whose pages nobody asks for any more is
given up.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from context.clock import Clock
from platform_daemon.backup import contents
from platform_daemon.backup.container import KEY_BYTES, Sealer, Stretching
from platform_daemon.backup.contents import Manifest
from platform_daemon.backup.snapshot import Snapshot
from platform_daemon.errors import FailedPrecondition, InvalidArgument, NotFound

PAGE_BYTES = 4 << 20
"""A page has at least one chunk more than this, below what a message may have."""
IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Page:
    """The next bytes of the file."""

    data: bytes
    last: bool
    done_bytes: int
    """Of the manifest's `size_bytes`, about."""


class _UnderWay:
    def __init__(self, snapshot: Snapshot, sealer: Sealer) -> None:
        self.token = secrets.token_urlsafe(16)
        self.snapshot = snapshot
        self.number = -1
        self.page = Page(b"", False, 0)
        self._head = sealer.header
        self._chunks = self._sealed(sealer)

    def advance(self) -> None:
        data = bytearray(self._head)
        self._head, last = b"", False
        while len(data) < PAGE_BYTES and not last:
            chunk, last = next(self._chunks)
            data += chunk
        self.number += 1
        self.page = Page(bytes(data), last, self.snapshot.done_bytes)

    def _sealed(self, sealer: Sealer) -> Iterator[tuple[bytes, bool]]:
        for piece in self.snapshot.pieces():
            last = piece[:1] == contents.END
            yield sealer.chunk(piece, last=last), last


class Backups:
    """All methods block, and may be called from several threads."""

    def __init__(self, take: Callable[[], Snapshot], clock: Clock, random: Callable[[int], bytes] = os.urandom) -> None:
        self._take = take
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._under_way: _UnderWay | None = None
        self._asked_s = 0.0

    def begin(self, recovery_key: bytes, stretching: Stretching) -> tuple[str, Manifest]:
        """Take the state folder as it is now; returns the name of the backup and what it will hold.

        Raises FailedPrecondition while another is under way."""
        if len(recovery_key) != KEY_BYTES:
            raise InvalidArgument(f"must have {KEY_BYTES} bytes", field="recovery_key")
        with self._lock:
            self._end_if_idle()
            if self._under_way is not None:
                raise FailedPrecondition(
                    "another backup is under way: wait for its end, or a minute if it was broken off",
                    reason="BACKUP_UNDER_WAY",
                )
            self._under_way = _UnderWay(self._take(), Sealer(recovery_key, stretching, self._random))
            self._asked_s = self._clock.monotonic_s()
            return self._under_way.token, self._under_way.snapshot.manifest

    def read(self, token: str, page: int) -> Page:
        """The page of that number, from 0; the last one that was asked for may be asked for again.

        Raises NotFound, InvalidArgument for a page out of turn, what `Snapshot.pieces` raises: it is over then."""
        with self._lock:
            under_way = self._under_way
            if under_way is None or not secrets.compare_digest(under_way.token, token):
                raise NotFound("this backup is over: begin another", field="backup")
            if page == under_way.number + 1 and not under_way.page.last:
                try:
                    under_way.advance()
                except BaseException:
                    self._end()
                    raise
            elif page != under_way.number:
                raise InvalidArgument(f"page {under_way.number + 1} is the next", field="page")
            self._asked_s = self._clock.monotonic_s()
            return under_way.page

    def end(self, token: str) -> None:
        """Let go of a backup, complete or not. Repeatable."""
        with self._lock:
            if self._under_way is not None and secrets.compare_digest(self._under_way.token, token):
                self._end()

    def end_idle(self) -> None:
        """Let go of one that nobody has asked for in the last minute."""
        with self._lock:
            self._end_if_idle()

    def close(self) -> None:
        """Repeatable."""
        with self._lock:
            self._end()

    def _end_if_idle(self) -> None:
        if self._clock.monotonic_s() - self._asked_s >= IDLE_S:
            self._end()

    def _end(self) -> None:
        if self._under_way is not None:
            self._under_way.snapshot.close()
            self._under_way = None
