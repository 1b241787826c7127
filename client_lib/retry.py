"""How long to keep trying: a pure policy."""

import random
from dataclasses import dataclass

from client_lib.errors import DaemonNotRunning, InsituError, Unavailable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter, bounded by the sum of the pauses."""

    patience_s: float
    """The most that all pauses of one call add up to, those that the daemon asked for included."""
    rides_out_restarts: bool
    """Whether to wait for a daemon that nobody has seen running, or to say so at once."""
    first_s: float = 0.05
    longest_s: float = 1.0

    def retries(self, error: InsituError, *, was_there: bool = False) -> bool:
        """Whether the same call may succeed within the patience: the daemon says when, or is away for a while.
        `was_there`: it has answered on this connection, and so is probably being restarted."""
        if error.retry_after_s is not None:
            return error.retry_after_s <= self.patience_s
        waits = self.rides_out_restarts or was_there
        return isinstance(error, Unavailable) and (waits or not isinstance(error, DaemonNotRunning))


class Patience:
    """What one call has left of its policy's."""

    def __init__(self, policy: RetryPolicy, rng: random.Random) -> None:
        self._left_s = policy.patience_s
        self._step_s = policy.first_s
        self._longest_s = policy.longest_s
        self._rng = rng

    def pause_s(self, at_least_s: float = 0.0) -> float | None:
        """How long to wait before the next repetition: drawn from the upper half of an interval that grows, or as long
        as the daemon asks for. None where the patience does not reach so far."""
        if self._left_s <= 0 or at_least_s > self._left_s:
            return None
        drawn_s = self._step_s * self._rng.uniform(0.5, 1.0)
        pause_s = min(self._left_s, max(drawn_s, at_least_s))
        self._left_s -= pause_s
        self._step_s = min(self._step_s * 2, self._longest_s)
        return pause_s


INTERACTIVE = RetryPolicy(patience_s=3.0, rides_out_restarts=False)
"""Somebody waits for the answer."""
BACKGROUND = RetryPolicy(patience_s=15.0, rides_out_restarts=True)
"""A task of its own: nothing is lost while a daemon restarts."""
