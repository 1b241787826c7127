"""What the primary does from time to time: looks at training, polls the context, sweeps what has expired, counts what
is stored, ends idle workers.

By the event loop's monotonic clock: a scheduler that reads the wall clock rests for a day when that is set back by one,
and with it every deletion.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress

from platform_daemon.logs import LogEvent, marked

SWEEP_INTERVAL_S = 60.0
CONTEXT_INTERVAL_S = 1.0
IDLE_INTERVAL_S = 60.0
RECKON_INTERVAL_S = 86_400.0
FIRST_RECKONING_S = 60.0
"""After the start: what a power cut or a repair has cost is known soon, and the first calls are not held up."""

logger = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]


class Maintenance:
    """Periodic work on the event loop. A round that takes longer than its interval delays the next one."""

    def __init__(
        self,
        *,
        tick: Work,
        tick_interval_s: float,
        poll_context: Callable[[], object],
        sweep: Callable[[], object],
        reckon: Callable[[], object],
        end_idle_workers: Work,
        executor: Executor,
    ) -> None:
        self._executor = executor
        self._tick = tick
        self._tick_interval_s = tick_interval_s
        self._others: tuple[tuple[str, Work, float, float], ...] = (
            ("context", self._blocking(poll_context), CONTEXT_INTERVAL_S, CONTEXT_INTERVAL_S),
            ("sweep", self._blocking(sweep), SWEEP_INTERVAL_S, SWEEP_INTERVAL_S),
            ("reckoning", self._blocking(reckon), FIRST_RECKONING_S, RECKON_INTERVAL_S),
            ("idle workers", end_idle_workers, IDLE_INTERVAL_S, IDLE_INTERVAL_S),
        )
        self._look = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; the first round of each comes after its interval."""
        self._loop = asyncio.get_running_loop()
        self._rounds = [asyncio.create_task(self._look_at_training())]
        self._rounds += [asyncio.create_task(_repeat(*other)) for other in self._others]

    def look_at_training(self) -> None:
        """Do not wait for the interval: something has changed. From any thread; ignored before the start."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._look.set)

    def close(self) -> None:
        """No further round begins. Repeatable."""
        for rounds in self._rounds:
            rounds.cancel()

    async def _look_at_training(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tick_interval_s):
                    await self._look.wait()
            self._look.clear()
            await _round("training", self._tick)

    def _blocking(self, work: Callable[[], object]) -> Work:
        async def run() -> None:
            await asyncio.get_running_loop().run_in_executor(self._executor, work)

        return run


async def _repeat(name: str, work: Work, first_s: float, interval_s: float) -> None:
    await asyncio.sleep(first_s)
    while True:
        await _round(name, work)
        await asyncio.sleep(interval_s)


async def _round(name: str, work: Work) -> None:
    """What fails does not keep the next round from coming."""
    try:
        await work()
    except Exception:
        logger.exception("a round of %s failed", name, extra=marked(LogEvent.DEFECT))
