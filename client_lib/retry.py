"""How long to keep trying: a pure policy."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from client_lib.errors import DaemonNotRunning, InsituError, Unavailable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter, bounded by the sum of the delays."""

    patience_s: float
    """The most that all delays of one call add up to."""
    rides_out_restarts: bool
    """Whether to wait for a daemon that nobody has seen running, or to say so at once."""
    first_s: float = 0.05
    longest_s: float = 1.0

    def delays(self, rng: random.Random) -> Iterator[float]:
        """Delays before each repetition, each drawn from the upper half of its interval."""
        left, step = self.patience_s, self.first_s
        while left > 0:
            delay = min(left, step * rng.uniform(0.5, 1.0))
            yield delay
            left -= delay
            step = min(step * 2, self.longest_s)

    def retries(self, error: InsituError, *, was_there: bool = False) -> bool:
        """Whether the same call may succeed within the patience: the daemon says when, or is away for a while.
        `was_there`: it has answered on this connection, and so is probably being restarted."""
        if error.retry_after_s is not None:
            return error.retry_after_s <= self.patience_s
        waits = self.rides_out_restarts or was_there
        return isinstance(error, Unavailable) and (waits or not isinstance(error, DaemonNotRunning))


INTERACTIVE = RetryPolicy(patience_s=3.0, rides_out_restarts=False)
"""Somebody waits for the answer."""
BACKGROUND = RetryPolicy(patience_s=15.0, rides_out_restarts=True)
"""A task of its own: nothing is lost while a daemon restarts."""
