"""Why a call fails. Each class says who must act; `status` is the gRPC status, `reason` is stable and for programs, and
one of `client_lib.Reason`.

    InsituError
    ├── InvalidArgument        the app: change the argument that `field` names
    ├── Unauthenticated        the app: its credentials do not verify
    ├── PermissionDenied       the user: allow it
    ├── NotFound               the app: no such collection, session, model
    ├── AlreadyExists          the app: the name is taken
    ├── FailedPrecondition     somebody: do first what the message says
    │   ├── NotApproved        the device's owner: approve the app
    │   └── CredentialsError   the developer: the credentials file is missing or unusable
    ├── ResourceExhausted      the app: stay below the limit that the message names
    ├── DeadlineExceeded       nobody: it took too long and was given up
    ├── DataLoss               the owner: stored or fetched bytes are damaged
    ├── Unavailable            nobody: repeat a little later
    │   └── DaemonNotRunning   the owner: start the daemon
    ├── Cancelled              nobody: the connection was closed meanwhile
    └── Internal               us: a defect of the daemon

The message is one sentence that ends with what to do; `detail` is a value for programs, where that takes one.
"""

from typing import ClassVar

from client_lib.reasons import seconds_to_wait


class InsituError(Exception):
    """Any failure of the platform. Catch this to carry on without it."""

    status: ClassVar[str] = "UNKNOWN"

    def __init__(
        self, message: str, *, reason: str | None = None, field: str | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason or self.status
        self.field = field
        self.detail = detail

    @property
    def message(self) -> str:
        return str(self)

    @property
    def retry_after_s(self) -> float | None:
        """After how many seconds the same call may succeed, where the daemon says so."""
        return seconds_to_wait(self.reason, self.detail)


class InvalidArgument(InsituError):
    status = "INVALID_ARGUMENT"


class Unauthenticated(InsituError):
    status = "UNAUTHENTICATED"


class PermissionDenied(InsituError):
    status = "PERMISSION_DENIED"


class NotFound(InsituError):
    status = "NOT_FOUND"


class AlreadyExists(InsituError):
    status = "ALREADY_EXISTS"


class FailedPrecondition(InsituError):
    status = "FAILED_PRECONDITION"


class NotApproved(FailedPrecondition):
    """The device's owner has not approved the app yet."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not approved on this device yet; run: insitu app approve {package}", reason="NOT_APPROVED"
        )


class CredentialsError(FailedPrecondition):
    """The credentials file is missing, malformed or readable by others."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="CREDENTIALS")


class ResourceExhausted(InsituError):
    status = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(InsituError):
    status = "DEADLINE_EXCEEDED"


class DataLoss(InsituError):
    status = "DATA_LOSS"


class Unavailable(InsituError):
    status = "UNAVAILABLE"


class DaemonNotRunning(Unavailable):
    """Nobody listens on the socket."""

    def __init__(self, socket: object) -> None:
        super().__init__(
            f"no daemon listens on {socket}; start it with: insitu daemon run", reason="DAEMON_NOT_RUNNING"
        )


class Cancelled(InsituError):
    status = "CANCELLED"


class Internal(InsituError):
    status = "INTERNAL"


_BY_STATUS: dict[str, type[InsituError]] = {
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
        Cancelled,
        Internal,
    )
}


def from_status(
    status: str, message: str, *, reason: str | None = None, field: str | None = None, detail: str | None = None
) -> InsituError:
    """The error for an answer with this gRPC status, e.g. "NOT_FOUND"."""
    if status == "UNIMPLEMENTED":
        return Internal(f"{message}; the daemon is older than this client library: update it", reason=status)
    return _BY_STATUS.get(status, Internal)(message, reason=reason or status, field=field, detail=detail)
