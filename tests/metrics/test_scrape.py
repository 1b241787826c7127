"""Scrapes that share an answer, and what goes wrong in one."""

import asyncio
import threading
from collections.abc import Iterable

import pytest

from platform_daemon.metrics import Family, gauge
from platform_daemon.metrics.scrape import Scrape


class Slow:
    """A collector that waits until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> Iterable[Family]:
        self.asked += 1
        self.began.set()
        assert self.go.wait(10)
        yield gauge("x", "Things.", [({}, self.asked)])


def test_scrapes_at_once_share_one_answer_and_later_ones_get_another() -> None:
    async def scenario() -> None:
        slow = Slow()
        scrape = Scrape([slow])
        first, second = asyncio.ensure_future(scrape.text()), asyncio.ensure_future(scrape.text())
        assert await asyncio.to_thread(slow.began.wait, 10)
        first.cancel()
        slow.go.set()
        assert (await second).endswith("x 1\n")
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await scrape.text()).endswith("x 2\n")

    asyncio.run(scenario())


def test_a_collector_that_fails_is_told_and_the_next_scrape_asks_again() -> None:
    async def scenario() -> None:
        failures = [ValueError("defect")]

        def collect() -> Iterable[Family]:
            if failures:
                raise failures.pop()
            yield gauge("x", "Things.", [({}, 1)])

        scrape = Scrape([collect])
        with pytest.raises(ValueError, match="defect"):
            await scrape.text()
        assert "x 1" in await scrape.text()

    asyncio.run(scenario())
