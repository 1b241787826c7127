"""What may become of a training run, in the words of a test's author."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Metrics = Mapping[str, tuple[float, float]]
"""By name: on the held-out examples, with the old and with the new parameters."""


@dataclass(frozen=True, slots=True)
class Advance:
    """It trains for so many steps."""

    steps: int = 1
    of: int = 0
    """The run's steps in all; 0 for unknown."""
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Suspend:
    """The device is needed for something else; the next step resumes it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """New parameters go live."""

    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeepOld:
    """The new parameters are worse, and not kept."""

    metrics: Metrics = field(default_factory=dict)
    reason: str = "the new parameters are worse on the held-out examples"


@dataclass(frozen=True, slots=True)
class Fail:
    """The run fails; the daemon tries again later."""

    reason: str = "the graph failed"


RunStep = Advance | Suspend | Commit | KeepOld | Fail


class NotReady(AssertionError):
    """The daemon would not run this session now."""
