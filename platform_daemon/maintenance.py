"""What the primary does by the clock: looks at training, polls the context, sweeps what has expired."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

SWEEP_INTERVAL_S = 60.0
CONTEXT_INTERVAL_S = 1.0

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
        executor: Executor,
    ) -> None:
        self._executor = executor
        self._scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        every = self._scheduler.add_job
        every(tick, "interval", seconds=tick_interval_s, id="training")
        every(self._blocking, "interval", args=[poll_context], seconds=CONTEXT_INTERVAL_S, id="context")
        every(self._blocking, "interval", args=[sweep], seconds=SWEEP_INTERVAL_S, id="sweep")

    def start(self) -> None:
        self._scheduler.start()

    def look_at_training(self) -> None:
        """Do not wait for the interval: something has changed."""
        if self._scheduler.running:
            self._scheduler.modify_job("training", next_run_time=datetime.now().astimezone())

    def close(self) -> None:
        """No further round begins. Repeatable."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _blocking(self, work: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)
