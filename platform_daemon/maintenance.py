"""What the primary does by the clock: looks at training, polls the context, sweeps what has expired, counts what is
stored, ends idle workers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any

SWEEP_INTERVAL_S = 60.0
CONTEXT_INTERVAL_S = 1.0
IDLE_INTERVAL_S = 60.0
RECKON_INTERVAL_S = 86_400.0
FIRST_RECKONING_S = 60.0
"""After the start: what a power cut or a repair has cost is known soon, and the first calls are not held up."""
QUIET_S = 0.25
"""For the first calls alone: loading the scheduler holds Python's lock about as long as all else that a start loads."""

logging.getLogger("apscheduler").setLevel(logging.ERROR)


class Maintenance:
    """Periodic work on the event loop. A round that takes longer than its interval delays the next one."""

    def __init__(
        self,
        *,
        tick: Callable[[], Awaitable[object]],
        tick_interval_s: float,
        poll_context: Callable[[], object],
        sweep: Callable[[], object],
        reckon: Callable[[], object],
        end_idle_workers: Callable[[], Awaitable[object]],
        executor: Executor,
    ) -> None:
        self._tick = tick
        self._tick_interval_s = tick_interval_s
        self._poll_context = poll_context
        self._sweep = sweep
        self._reckon = reckon
        self._end_idle_workers = end_idle_workers
        self._executor = executor
        self._scheduler: Any = None

    async def start(self) -> None:
        """Begin, a little later. What the rounds need comes in on another thread: the daemon answers calls by now."""
        await asyncio.sleep(QUIET_S)
        scheduler = await asyncio.to_thread(_scheduler)
        every = scheduler.add_job
        every(self._tick, "interval", seconds=self._tick_interval_s, id="training")
        every(self._blocking, "interval", args=[self._poll_context], seconds=CONTEXT_INTERVAL_S, id="context")
        every(self._blocking, "interval", args=[self._sweep], seconds=SWEEP_INTERVAL_S, id="sweep")
        first = datetime.now().astimezone() + timedelta(seconds=FIRST_RECKONING_S)
        seconds = RECKON_INTERVAL_S
        every(self._blocking, "interval", args=[self._reckon], seconds=seconds, next_run_time=first, id="reckoning")
        every(self._end_idle_workers, "interval", seconds=IDLE_INTERVAL_S, id="idle workers")
        scheduler.start()
        self._scheduler = scheduler

    def look_at_training(self) -> None:
        """Do not wait for the interval: something has changed."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.modify_job("training", next_run_time=datetime.now().astimezone())

    def close(self) -> None:
        """No further round begins. Repeatable."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _blocking(self, work: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _scheduler() -> Any:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    return AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
