"""How errors become answers: the one mapping from exceptions to statuses, for every transport.

The packages below the daemon have error trees of their own, whose classes carry `status` (a gRPC status name) and
`reason`, some a `field` and a `detail`; these become the DaemonError of that status. What nobody foresaw becomes
Internal with a number that finds it in the log. Neither the answer nor the log contains anything of the request.
"""

import errno
import logging
import secrets
import sqlite3

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from insitu.v1.lane_pb2 import CallError
from platform_daemon.errors import BY_STATUS, DaemonError, Internal
from platform_daemon.logs import LogEvent, marked, outline
from platform_daemon.store.disk_errors import refusal

_logger = logging.getLogger(__name__)
_DOMAIN = "insitu"
_MESSAGE_LIMIT_CHARACTERS = 1000  # metadata is limited to 8 KiB, in which the message stands twice
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
}

REASON_KEY = "insitu-reason"
FIELD_KEY = "insitu-field"
DETAIL_KEY = "insitu-detail"


def as_daemon_error(error: Exception, path: str) -> DaemonError:
    """The answer to a call of method `path` that raised `error`. Logs what was not foreseen."""
    if isinstance(error, DaemonError):
        return error
    kind = BY_STATUS.get(getattr(error, "status", ""))
    if kind is not None:
        reason, field, detail = (getattr(error, name, None) for name in ("reason", "field", "detail"))
        return kind(str(error), reason=reason, field=_if_text(field), detail=_if_text(detail))
    answer = refusal(_number_of(error), "what the daemon keeps")
    if answer is not None:
        return answer
    number = secrets.token_hex(4)
    outlined = outline(error)
    fields = marked(LogEvent.DEFECT, defect=number, method=path, error=outlined)
    _logger.error("defect %s in %s: %s", number, path, outlined, extra=fields)
    return Internal(f"the daemon has a defect: look for {number} in its log", reason="DEFECT")


def grpc_code(error: DaemonError) -> grpc.StatusCode:
    return grpc.StatusCode[error.status]


def grpc_message(error: DaemonError) -> str:
    return error.message[:_MESSAGE_LIMIT_CHARACTERS]


def trailing_metadata(error: DaemonError) -> tuple[tuple[str, str | bytes], ...]:
    """Reason, field and detail as plain entries, and all as google.rpc.ErrorInfo in `grpc-status-details-bin`."""
    plain = {REASON_KEY: _printable(error.reason)}
    info = ErrorInfo(reason=error.reason, domain=_DOMAIN)
    for key, name, value in ((FIELD_KEY, "field", error.field), (DETAIL_KEY, "detail", error.detail)):
        if value is not None:
            plain[key] = info.metadata[name] = _printable(value)
    detail = AnyMessage()
    detail.Pack(info)
    code = grpc_code(error).value[0]
    rich = rpc_status.to_status(Status(code=code, message=grpc_message(error), details=[detail]))
    return (*plain.items(), *rich.trailing_metadata)


def as_error_message(error: DaemonError) -> CallError:
    """The same for the framed lane."""
    return CallError(
        status=error.status,
        message=grpc_message(error),
        reason=_printable(error.reason),
        field=_printable(error.field or ""),
        detail=_printable(error.detail or ""),
    )


def _if_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _printable(text: str) -> str:
    """ASCII, as metadata demands: field names may be the app's own words."""
    return text[:256].encode("unicode_escape").decode("ascii")


def _number_of(error: Exception) -> int | None:
    """The `errno` that an error comes to, where it may come from the disk."""
    if isinstance(error, sqlite3.Error):
        return _OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return error.errno if isinstance(error, OSError) else None
