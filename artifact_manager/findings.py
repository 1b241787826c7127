"""What the linter says, and where in a plan it says it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from insitu.v1.plan_pb2 import Plan


class Severity(enum.IntEnum):
    WARNING = 1
    """The plan runs, and its author should know something."""
    ERROR = 2
    """The plan is refused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule."""

    field: str
    """Path of the field, e.g. "training.feeds[2].dtype"."""
    problem: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Site:
    """A message's place in the plan under examination."""

    plan: Plan
    path: str = ""
    context_features: Mapping[str, frozenset[str]] | None = None
    """Features by context type, where the linter was told what exists."""
    context_types: frozenset[str] = field(default_factory=frozenset)
    """Those that the instructions around this place declare."""

    def at(self, name: str, index: int | None = None, context_types: frozenset[str] | None = None) -> "Site":
        """The place of a field, or of one of its elements."""
        step = name if index is None else f"{name}[{index}]"
        path = f"{self.path}.{step}" if self.path else step
        declared = self.context_types if context_types is None else context_types
        return Site(self.plan, path, self.context_features, declared)

    def error(self, name: str, problem: str, remedy: str, index: int | None = None) -> Finding:
        """`name` is a field of this message; empty for the message itself."""
        return Finding(self.at(name, index).path if name else self.path, problem, remedy)

    def warning(self, name: str, problem: str, remedy: str, index: int | None = None) -> Finding:
        return Finding(self.at(name, index).path if name else self.path, problem, remedy, Severity.WARNING)


def shown(value: str) -> str:
    """A plan's own text, short enough for a message."""
    return repr(value if len(value) <= 80 else f"{value[:80]}…")
