"""A line for each call, for who wants to see them: at level debug."""

import logging

from platform_daemon.logs.events import LogEvent, marked
from platform_daemon.metrics.calls import outcome
from platform_daemon.transport.calls import CallObserver, Method

_logger = logging.getLogger(__name__)


def observed(observer: CallObserver) -> CallObserver:
    """`observer`, and before it the log; or `observer` alone where the level lets nothing of it through."""
    if not _logger.isEnabledFor(logging.DEBUG):
        return observer

    def observe(method: Method, error: BaseException | None, took_s: float) -> None:
        status, reason = ("OK", "") if error is None else outcome(error)
        fields = {"method": method.path, "status": status, "took_s": took_s} | ({"reason": reason} if reason else {})
        _logger.debug("call", extra=marked(LogEvent.CALL, **fields))
        observer(method, error, took_s)

    return observe
