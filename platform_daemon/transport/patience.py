"""How long a connection may keep the daemon waiting amid something: slow readers and slow writers are dropped."""

import asyncio
from collections.abc import Callable

READING_S = 60.0
"""How long a peer may leave what was written for it unread: answers would pile up behind it."""
WRITING_S = 60.0
"""How long a peer may take over one frame: what has come of it is held meanwhile."""


class Patience:
    """A timer that is started when something begins that must end. Belongs to the event loop of who starts it."""

    def __init__(self, seconds: float, give_up: Callable[[], object]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """It has begun. Said again before its end, this changes nothing."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up)

    def end(self) -> None:
        """It has ended. Repeatable."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
