"""Which calls are under way, so that closing waits for them and refuses the others with a word."""

import asyncio

from platform_daemon.errors import Unavailable


class CallsUnderWay:
    """A context manager for each call; of one event loop. Once draining, entering raises Unavailable."""

    def __init__(self) -> None:
        self._count = 0
        self._draining = False
        self._ended = asyncio.Event()

    def __enter__(self) -> None:
        if self._draining:
            raise Unavailable("the daemon is shutting down; try again", reason="SHUTTING_DOWN")
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if self._draining and not self._count:
            self._ended.set()

    async def drain(self, grace_s: float) -> None:
        """Let no further call begin. Returns when all have ended, at the latest after `grace_s`."""
        self._draining = True
        if self._count:
            await asyncio.wait({ended := asyncio.ensure_future(self._ended.wait())}, timeout=grace_s)
            ended.cancel()
