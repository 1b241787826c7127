"""What an app asks for. Frozen values; the daemon checks them."""

import enum
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

PlanSource = str | bytes | os.PathLike[str]
"""A plan: its URI (`file:`, `asset:`, `mrepo:`), a path, or the serialized plan itself."""


class ContextType(enum.StrEnum):
    """Well-known context types. Plug-ins add others: give their name as a str."""

    POWER = "power"
    NETWORK = "network"
    DAY = "day"
    DEVICE = "device"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class ContextWish:
    """A context type to inject, with a time to live of its own where that is shorter than the example's."""

    type: ContextType | str
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """A collection and how it is kept. What is None stays as it is configured."""

    name: str
    ttl: timedelta | None = None
    """How long examples live; 30 days where never set."""
    context: Sequence[ContextType | str | ContextWish] | None = None
    """Injected into each example by the daemon, as far as the user granted it."""
    max_examples: int | None = None
    """When full, the oldest examples go first; 0 for no limit."""
    durable: bool | None = None
    """Whether what is acknowledged survives a power cut, and not just a killed process. Adding then waits for the
    disk, once for all that is on its way. False where never set."""


@dataclass(frozen=True, slots=True)
class Continuous:
    """Run whenever the device is idle and charging and `every` has passed since the last run."""

    every: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Times:
    """Run at the times of a crontab expression of five fields, in local time, e.g. "0 3 * * *"."""

    crontab: str


@dataclass(frozen=True, slots=True)
class OneOff:
    """Run once."""


Cadence = Continuous | Times | OneOff


@dataclass(frozen=True, slots=True)
class TrainerOptions:
    """A training session."""

    session: str
    """Lower-case name, unique within the app."""
    plan: PlanSource
    output: str
    """The mutable artifact to produce: "artifact:/SESSION/NAME"."""
    input: str | None = None
    """Parameters to start from while the output has no version; the session waits until they exist. Without it the
    plan's base parameters."""
    cadence: Cadence = Continuous()
    requires_unmetered: bool = False


@dataclass(frozen=True, slots=True)
class PredictorOptions:
    """A model to predict with."""

    plan: PlanSource
    parameters: str | None = None
    """E.g. "artifact:/words-session/params". Without it, and until training has produced some, the base ones serve."""
    parameters_required: bool = False
    """Refuse to predict with the base parameters."""
    account: str | None = None
    """For context types that need one."""
