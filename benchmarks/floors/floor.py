"""One figure, and how it is taken."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.lab import Effort

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Floor:
    what: str
    value: float
    unit: str


def microseconds(what: str, work: Callable[[], object], times: int, effort: Effort) -> Floor:
    """How long `work` takes: the median over rounds of the mean of `times`."""
    return Floor(what, statistics.median(_round_s(work, times, effort)) * 1e6, "µs")


def per_second(what: str, work: Callable[[], object], times: int, holds: int, effort: Effort) -> Floor:
    """How many are done in a second, where each `work` does `holds`."""
    return Floor(what, holds / statistics.median(_round_s(work, times, effort)), "/s")


def _round_s(work: Callable[[], object], times: int, effort: Effort) -> list[float]:
    times = effort.count(times)
    taken_s = []
    for _ in range(effort.warm_ups + effort.count(_ROUNDS, effort.least_rounds)):
        started_s = time.perf_counter()
        for _ in range(times):
            work()
        taken_s.append((time.perf_counter() - started_s) / times)
    return taken_s[effort.warm_ups :]
