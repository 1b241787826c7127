"""How fast one app may write: a token bucket for its calls and one for its examples.

A bucket fills at the rate that is allowed and holds some seconds of it, so that a burst after a quiet time passes. A
call is let through when there is anything in both, and may leave them owing: so no batch is too large to pass ever, and
what comes after it waits the longer.
"""

from dataclasses import dataclass, field

from context import Clock
from platform_daemon.errors import ResourceExhausted

BURST_S = 5.0
_FORGET_ABOVE = 1024


@dataclass(slots=True)
class _Bucket:
    level: float
    seen_s: float


@dataclass(frozen=True, slots=True)
class WriteRates:
    """What each app may write in a second, in the long run. Positive."""

    calls: float
    examples: float


@dataclass(slots=True)
class WriteRate:
    """Of all apps of a daemon. Belongs to the event loop."""

    clock: Clock
    rates: WriteRates
    _calls: dict[int, _Bucket] = field(default_factory=dict)
    _examples: dict[int, _Bucket] = field(default_factory=dict)

    def admit(self, enclave: int, examples: int) -> None:
        """Count a call that stores so many. Raises ResourceExhausted with the seconds to wait as its detail; a call
        that is refused costs nothing."""
        now_s = self.clock.monotonic_s()
        if len(self._calls) > _FORGET_ABOVE:
            self._forget(now_s)
        calls = _filled(self._calls, enclave, self.rates.calls, now_s)
        stored = _filled(self._examples, enclave, self.rates.examples, now_s)
        wait_s = max(_owing_s(calls, self.rates.calls), _owing_s(stored, self.rates.examples))
        if wait_s > 0:
            raise ResourceExhausted(
                f"this app writes faster than {self.rates.calls:g} calls or {self.rates.examples:g} examples a second: "
                f"wait {wait_s:.3f} s and repeat, or send more examples in each call",
                reason="QUOTA_RATE",
                detail=f"{wait_s:.3f}",
            )
        calls.level -= 1
        stored.level -= examples

    def _forget(self, now_s: float) -> None:
        """Drop the apps whose buckets are full again: they are as if they had never written."""
        for enclave in list(self._calls):
            calls = _filled(self._calls, enclave, self.rates.calls, now_s)
            stored = _filled(self._examples, enclave, self.rates.examples, now_s)
            if calls.level >= self.rates.calls * BURST_S and stored.level >= self.rates.examples * BURST_S:
                del self._calls[enclave], self._examples[enclave]


def _filled(buckets: dict[int, _Bucket], enclave: int, rate: float, now_s: float) -> _Bucket:
    """The app's bucket with what has flowed in since it was last looked at."""
    bucket = buckets.get(enclave)
    if bucket is None:
        bucket = buckets[enclave] = _Bucket(rate * BURST_S, now_s)
    bucket.level = min(rate * BURST_S, bucket.level + (now_s - bucket.seen_s) * rate)
    bucket.seen_s = now_s
    return bucket


def _owing_s(bucket: _Bucket, rate: float) -> float:
    """How long until there is something in it; 0 where there is."""
    return 0.0 if bucket.level > 0 else max(0.001, -bucket.level / rate)
