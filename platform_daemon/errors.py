"""What a call can fail with. One class per gRPC status that the daemon answers with; `transport` maps them.

    DaemonError
    ├── InvalidArgument       the request is wrong: change it
    ├── Unauthenticated       prove who you are, then repeat
    ├── PermissionDenied      the device's user must allow it
    ├── NotFound              unknown, or another app's
    ├── AlreadyExists         the name is taken
    ├── FailedPrecondition    something else must happen first
    ├── ResourceExhausted     a limit is reached
    ├── DeadlineExceeded      it took too long and was given up
    ├── DataLoss              stored or fetched bytes are not what they should be
    ├── Unavailable           repeat a little later
    └── Internal              a defect of the daemon

`reason` is stable and for programs, as is `detail`, a value that the remedy needs; the message is one sentence for
people that ends with the remedy.
"""

from pathlib import Path
from typing import ClassVar


class DaemonError(Exception):
    """An answer other than OK."""

    status: ClassVar[str] = "INTERNAL"
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self, message: str, *, reason: str | None = None, field: str | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message if field is None else f"{field}: {message}")
        self.reason = reason or self.default_reason
        self.field = field
        self.detail = detail

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgument(DaemonError):
    """The request is wrong. Name the `field`."""

    status = "INVALID_ARGUMENT"
    default_reason = "INVALID_ARGUMENT"


class Unauthenticated(DaemonError):
    status = "UNAUTHENTICATED"
    default_reason = "UNAUTHENTICATED"


class PermissionDenied(DaemonError):
    status = "PERMISSION_DENIED"
    default_reason = "PERMISSION_DENIED"


class NotFound(DaemonError):
    status = "NOT_FOUND"
    default_reason = "NOT_FOUND"


class AlreadyExists(DaemonError):
    status = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(DaemonError):
    status = "FAILED_PRECONDITION"
    default_reason = "FAILED_PRECONDITION"


class ResourceExhausted(DaemonError):
    status = "RESOURCE_EXHAUSTED"
    default_reason = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(DaemonError):
    status = "DEADLINE_EXCEEDED"
    default_reason = "DEADLINE_EXCEEDED"


class DataLoss(DaemonError):
    status = "DATA_LOSS"
    default_reason = "DATA_LOSS"


class Unavailable(DaemonError):
    status = "UNAVAILABLE"
    default_reason = "UNAVAILABLE"


class Internal(DaemonError):
    pass


BY_STATUS: dict[str, type[DaemonError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        ResourceExhausted,
        DeadlineExceeded,
        DataLoss,
        Unavailable,
        Internal,
    )
}


def give_up(state: Path | str = "the state folder") -> str:
    """The remedy for a state folder that is damaged, or of which something is gone."""
    return f"restore a backup with insitu data restore, or remove {state} to start anew"
