"""What the primary does from time to time, in virtual time."""

import asyncio
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from platform_daemon.maintenance import FIRST_RECKONING_S, RECKON_INTERVAL_S, SWEEP_INTERVAL_S, Maintenance


class VirtualSelector(selectors.DefaultSelector):
    """Never waits: time passes instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.now_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = VirtualSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


class AtOnce(Executor):
    """Runs what it is given where it is given."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future


class Rounds:
    """Counts them; `fail` names one that raises."""

    def __init__(self, fail: str = "", tick_takes_s: float = 0.0) -> None:
        self.counts: Counter[str] = Counter()
        self.fail = fail
        self.tick_takes_s = tick_takes_s

    def did(self, name: str) -> None:
        self.counts[name] += 1
        if name == self.fail:
            raise ValueError(name)

    async def tick(self) -> None:
        self.did("training")
        await asyncio.sleep(self.tick_takes_s)

    async def end_idle_workers(self) -> None:
        self.did("idle")

    def maintenance(self) -> Maintenance:
        return Maintenance(
            tick=self.tick,
            tick_interval_s=1.0,
            poll_context=lambda: self.did("context"),
            sweep=lambda: self.did("sweep"),
            reckon=lambda: self.did("reckoning"),
            end_idle_workers=self.end_idle_workers,
            executor=AtOnce(),
        )


def in_virtual_time(rounds: Rounds, test: Callable[[Maintenance], Awaitable[None]]) -> None:
    async def run() -> None:
        maintenance = rounds.maintenance()
        await maintenance.start()
        await test(maintenance)
        maintenance.close()
        maintenance.close()
        before = rounds.counts.copy()
        await asyncio.sleep(1000)
        maintenance.look_at_training()
        await asyncio.sleep(1000)
        assert rounds.counts == before

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())


@pytest.mark.parametrize("fail", ["", "training", "context", "sweep", "reckoning", "idle"])
def test_rounds_come_whatever_the_wall_clock_says_and_whichever_fails(fail: str) -> None:
    """Nothing here can ask for the wall clock: only the loop's time passes."""
    rounds = Rounds(fail)

    async def test(maintenance: Maintenance) -> None:
        await asyncio.sleep(10 * SWEEP_INTERVAL_S + 0.5)
        assert rounds.counts == {"training": 600, "context": 600, "sweep": 10, "reckoning": 1, "idle": 10}

    in_virtual_time(rounds, test)


def test_reckoning_comes_soon_and_then_daily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_daemon.maintenance.CONTEXT_INTERVAL_S", 3600.0)
    rounds = Rounds(tick_takes_s=3600.0)

    async def test(maintenance: Maintenance) -> None:
        await asyncio.sleep(FIRST_RECKONING_S - 1)
        assert rounds.counts["reckoning"] == 0
        await asyncio.sleep(2 * RECKON_INTERVAL_S + 2)
        assert rounds.counts["reckoning"] == 3

    in_virtual_time(rounds, test)


def test_training_is_looked_at_when_something_has_changed() -> None:
    rounds = Rounds()

    async def test(maintenance: Maintenance) -> None:
        for number in range(1, 6):
            maintenance.look_at_training()
            maintenance.look_at_training()
            await asyncio.sleep(0.01)
            assert rounds.counts["training"] == number

    in_virtual_time(rounds, test)


def test_a_long_round_delays_the_next_and_no_other() -> None:
    rounds = Rounds(tick_takes_s=9.0)

    async def test(maintenance: Maintenance) -> None:
        await asyncio.sleep(100.5)
        assert rounds.counts["training"] == 10
        assert rounds.counts["context"] == 100

    in_virtual_time(rounds, test)
