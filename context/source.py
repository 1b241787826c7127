"""Where readings come from."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from context.types import Value


class Mode(enum.Enum):
    """How a source yields its readings."""

    LISTENER = "listener"
    """Publishes by itself whenever something changes. Is read like ONE_SHOT at the start, on demand, and when half of
    its last reading's validity is over: that confirms it while nothing changes."""
    ONE_SHOT = "one-shot"
    """Is read: at each poll, and on demand. A read may block for a device's driver."""
    INSTANT = "instant"
    """Is read like ONE_SHOT, within microseconds and without blocking, so also in place when a reading has expired."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a source saw."""

    values: Mapping[str, Value]
    """By feature name; a feature that the source does not know is absent. Nothing at all means unknown."""
    valid_for_ms: int | None = None
    """How long it holds; the type's own validity where None."""


Publish = Callable[[str, Observation | None], None]
"""Takes a type's name and what was seen; None where it became unknown. May be called from any thread."""


class Source(Protocol):
    """Yields readings of some context types. Never guesses: what it does not know is absent or None."""

    @property
    def name(self) -> str:
        """Shown to the user as the origin of a reading; configuration chooses sources by it."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """The context types that it can read."""
        ...

    @property
    def mode(self) -> Mode:
        """May change at any time: a listener that hears nothing any more becomes ONE_SHOT, and is polled."""
        ...

    def start(self, publish: Publish) -> None:
        """Begin. A listener publishes what it knows at once."""
        ...

    def read(self, context_type: str) -> Observation | None:
        """What holds now; None where unknown."""
        ...

    def stop(self) -> None:
        """End; nothing is published afterwards. Repeatable."""
        ...


@runtime_checkable
class Degradable(Protocol):
    """A source that may do less well than it could, and says so: what it reads is right, but costs more."""

    @property
    def degraded(self) -> str:
        """Why, in words for the device's owner; empty where nothing is wrong."""
        ...
