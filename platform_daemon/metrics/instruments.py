"""Counters and histograms: a dictionary entry each, so that counting costs a call next to nothing.

What is counted becomes a `Family` only when somebody asks; see `exposition`.
"""

import enum
import math
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Labels = tuple[str, ...]


class Kind(enum.Enum):
    """As Prometheus names them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float
    suffix: str = ""
    """What follows the family's name: of a histogram "_bucket", "_sum" or "_count"."""


@dataclass(frozen=True, slots=True)
class Family:
    """All that one name stands for, at one moment."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


class Sum:
    """One number that only grows. Safe in all threads."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        with self._lock:
            self.value += amount


class Counter:
    """Sums by labels. Safe in all threads. `names` are the labels', whose values come in that order."""

    def __init__(self, name: str, help: str, names: Labels = ()) -> None:
        self._name = name
        self._help = help
        self._names = names
        self._sums: dict[Labels, Sum] = {}

    def of(self, *labels: str) -> Sum:
        """The sum of these labels, to be kept where it is needed often."""
        return self._sums.get(labels) or self._sums.setdefault(labels, Sum())

    def add(self, *labels: str, amount: float = 1) -> None:
        self.of(*labels).add(amount)

    def family(self) -> Family:
        sums = sorted(self._sums.copy().items(), key=lambda item: item[0])
        samples = [Sample(dict(zip(self._names, labels, strict=True)), one.value) for labels, one in sums]
        return Family(self._name, Kind.COUNTER, self._help, samples)


class Distribution:
    """How often a value fell into which range. Safe in all threads."""

    __slots__ = ("_bounds", "_counts", "_lock", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        place = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[place] += 1
            self._total += value

    def samples(self, labels: Mapping[str, str]) -> Iterable[Sample]:
        with self._lock:
            counts, total = tuple(self._counts), self._total
        below = 0
        for bound, count in zip((*self._bounds, math.inf), counts, strict=True):
            below += count
            yield Sample({**labels, "le": "+Inf" if math.isinf(bound) else f"{bound:g}"}, below, "_bucket")
        yield Sample(labels, total, "_sum")
        yield Sample(labels, below, "_count")


class Histogram:
    """Distributions by labels. Safe in all threads."""

    def __init__(self, name: str, help: str, bounds: Sequence[float], names: Labels = ()) -> None:
        """`bounds` are the ranges' upper ends, inclusive and ascending; what lies above all has a range of its own."""
        self._name = name
        self._help = help
        self._bounds = tuple(bounds)
        self._names = names
        self._seen: dict[Labels, Distribution] = {}

    def of(self, *labels: str) -> Distribution:
        """The distribution of these labels, to be kept where it is needed often."""
        return self._seen.get(labels) or self._seen.setdefault(labels, Distribution(self._bounds))

    def family(self) -> Family:
        samples = [
            sample
            for labels, one in sorted(self._seen.copy().items(), key=lambda item: item[0])
            for sample in one.samples(dict(zip(self._names, labels, strict=True)))
        ]
        return Family(self._name, Kind.HISTOGRAM, self._help, samples)


def gauge(name: str, help: str, values: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """What is so now, each value under its labels."""
    return Family(name, Kind.GAUGE, help, [Sample(labels, value) for labels, value in values])
