"""How much one app may store, over all its collections: pure arithmetic on counts of living examples."""

from dataclasses import dataclass

from platform_daemon.errors import ResourceExhausted

_ANY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What an enclave's living examples come to. Sizes are as the app gave them, without their context."""

    examples: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that an enclave may store."""

    examples: int = _ANY
    size_bytes: int = _ANY

    def check(self, before: Usage, after: Usage) -> None:
        """Raise ResourceExhausted where a batch would bring an app from `before` to `after` beyond a limit. What takes
        the place of as much is let through, also for an app that is over a limit because the limit was lowered."""
        if after.examples > max(self.examples, before.examples):
            raise _refused("QUOTA_EXAMPLES", before.examples, self.examples, "examples", "quota_examples")
        if after.size_bytes > max(self.size_bytes, before.size_bytes):
            raise _refused("QUOTA_BYTES", before.size_bytes, self.size_bytes, "bytes of examples", "quota_bytes")


UNLIMITED = Quota()


def _refused(reason: str, stored: int, limit: int, what: str, setting: str) -> ResourceExhausted:
    return ResourceExhausted(
        f"this app stores {stored} {what} and may store {limit}: clear some, give its collections a shorter time to "
        f"live or a limit, or have the device's owner raise limits.{setting}",
        reason=reason,
        detail=str(limit),
    )
