"""Answers a scrape: asks everybody who counts, in a thread, and writes down what they say."""

import asyncio
from collections.abc import Sequence

from platform_daemon.metrics.device import Collector
from platform_daemon.metrics.exposition import render


class Scrape:
    """Collectors are asked in their order. Scrapes that come at once share one answer."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = tuple(collectors)
        self._underway: asyncio.Task[str] | None = None

    async def text(self) -> str:
        """Prometheus' text format. A caller that gives up ends no other's scrape."""
        if self._underway is None:
            self._underway = asyncio.get_running_loop().create_task(asyncio.to_thread(self._render))
            self._underway.add_done_callback(self._ended)
        return await asyncio.shield(self._underway)

    def _render(self) -> str:
        return render([family for collect in self._collectors for family in collect()])

    def _ended(self, task: "asyncio.Task[str]") -> None:
        self._underway = None
        if not task.cancelled():
            task.exception()  # seen: all who waited may have given up
