"""A figure beside its reference."""

import enum
import math
from dataclasses import dataclass


class Bound(enum.Enum):
    """On which side of its target a ratio has to lie."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Target:
    """What the ratio of ours to the reference is to be."""

    bound: Bound
    ratio: float

    def met_by(self, ratio: float) -> bool:
        """Not by NaN."""
        match self.bound:
            case Bound.AT_MOST:
                return ratio <= self.ratio
            case Bound.AT_LEAST:
                return ratio >= self.ratio

    def __str__(self) -> str:
        return f"{self.bound.value} {self.ratio:g}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Of what `str` made. Raises ValueError."""
        bound, _, ratio = text.partition(" ")
        return cls(Bound(bound), float(ratio))


def at_most(ratio: float) -> Target:
    return Target(Bound.AT_MOST, ratio)


def at_least(ratio: float) -> Target:
    return Target(Bound.AT_LEAST, ratio)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ours` and `reference` are medians in `unit`, from the same run."""

    id: str
    what: str
    unit: str
    ours: float
    reference: float
    target: Target

    @property
    def ratio(self) -> float:
        """NaN where the reference is zero."""
        return self.ours / self.reference if self.reference else math.nan

    @property
    def passes(self) -> bool:
        return self.target.met_by(self.ratio)
