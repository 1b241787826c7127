"""Counts calls: how many, how they ended, how long they took. The observer of both sockets' method tables."""

import asyncio
import re
from collections.abc import Iterable

from platform_daemon.metrics.instruments import Counter, Distribution, Family, Histogram, Sum
from platform_daemon.transport.calls import Method

DURATIONS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
MOST_REASONS = 200
"""Reasons are words of the code, a few dozen. Were one ever made of what a caller says, it must not fill the memory."""
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_OTHER = "OTHER"


class CallMetrics:
    """Give it to `MethodTable` as its observer. Costs a call less than a microsecond."""

    def __init__(self) -> None:
        self._calls = Counter("insitu_calls_total", "Calls that ended, by gRPC status.", ("method", "status"))
        self._refusals = Counter(
            "insitu_call_refusals_total", "Calls that were not answered with OK, by reason.", ("status", "reason")
        )
        self._durations = Histogram(
            "insitu_call_duration_seconds", "From a request's arrival to its answer.", DURATIONS_S, ("method",)
        )
        self._answered: dict[str, tuple[Sum, Distribution]] = {}
        """By path, what a call touches that is answered with OK."""
        self._reasons: set[str] = set()

    def __call__(self, method: Method, error: BaseException | None, took_s: float) -> None:
        answered, durations = self._answered.get(method.path) or self._begin(method.path)
        durations.observe(took_s)
        if error is None:
            answered.add()
        else:
            status, reason = outcome(error)
            self._calls.add(_name(method.path), status)
            self._refusals.add(status, self._bounded(reason))

    def families(self) -> Iterable[Family]:
        return self._calls.family(), self._refusals.family(), self._durations.family()

    def _begin(self, path: str) -> tuple[Sum, Distribution]:
        name = _name(path)
        return self._answered.setdefault(path, (self._calls.of(name, "OK"), self._durations.of(name)))

    def _bounded(self, reason: str) -> str:
        if reason not in self._reasons:
            if len(self._reasons) >= MOST_REASONS or not _REASON.fullmatch(reason):
                return _OTHER
            self._reasons.add(reason)
        return reason


def _name(path: str) -> str:
    """ "Collections.Add" of "/insitu.v1.Collections/Add"."""
    return path.rpartition(".")[2].replace("/", ".")


def outcome(error: BaseException) -> tuple[str, str]:
    """Status and reason of what a handler raised, without its words."""
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED", "GIVEN_UP"
    status = getattr(error, "status", None)
    if not isinstance(status, str):
        return "INTERNAL", "DEFECT"
    reason = getattr(error, "reason", None)
    return status, reason if isinstance(reason, str) else status
