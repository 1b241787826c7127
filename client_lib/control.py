"""What the device's owner decides, over the owner's socket. The command line is made of this.

Answers are the protocol's own messages. Every method raises InsituError: DaemonNotRunning, PermissionDenied for
another OS user, and what `proto/insitu/v1/control.proto` says.
"""

import os
from pathlib import Path
from types import TracebackType

from client_lib.errors import DeadlineExceeded
from client_lib.locations import find_control_socket
from client_lib.transport import Method, Request, Response, Transport
from insitu.v1 import collection_pb2 as collections
from insitu.v1 import control_pb2 as wire
from insitu.v1 import training_pb2 as training
from insitu.v1.example_pb2 import Features

_SERVICE = "Control"
GET_STATUS = Method(_SERVICE, "GetStatus", wire.GetStatusRequest, wire.DaemonStatus)
GET_METRICS = Method(_SERVICE, "GetMetrics", wire.GetMetricsRequest, wire.Metrics)
LIST_APPS = Method(_SERVICE, "ListApps", wire.ListAppsRequest, wire.ListAppsResponse)
APPROVE_APP = Method(_SERVICE, "ApproveApp", wire.ApproveAppRequest, wire.AppRecord)
REMOVE_APP = Method(_SERVICE, "RemoveApp", wire.RemoveAppRequest, wire.RemoveAppResponse, repeatable=False)
ISSUE_TOKEN = Method(_SERVICE, "IssueToken", wire.IssueTokenRequest, wire.IssueTokenResponse)
SET_CONSENT = Method(_SERVICE, "SetConsent", wire.SetConsentRequest, wire.SetConsentResponse)
LIST_PERMISSIONS = Method(_SERVICE, "ListPermissions", wire.ListPermissionsRequest, wire.ListPermissionsResponse)
SET_PERMISSION = Method(_SERVICE, "SetPermission", wire.SetPermissionRequest, wire.SetPermissionResponse)
SHOW_DATA = Method(_SERVICE, "ShowData", wire.ShowDataRequest, wire.ShowDataResponse)
UNHIDE_DATA = Method(_SERVICE, "UnhideData", wire.UnhideDataRequest, wire.UnhideDataResponse)
CLEAR_DATA = Method(_SERVICE, "ClearData", wire.ClearDataRequest, collections.ClearResponse)
SHOW_CONTEXT = Method(_SERVICE, "ShowContext", wire.ShowContextRequest, wire.ShowContextResponse)
SET_SCRIPTED_CONTEXT = Method(
    _SERVICE, "SetScriptedContext", wire.SetScriptedContextRequest, wire.SetScriptedContextResponse
)
LIST_ALL_SESSIONS = Method(_SERVICE, "ListAllSessions", wire.ListAllSessionsRequest, wire.ListAllSessionsResponse)
EXPLAIN_SESSION = Method(_SERVICE, "ExplainSession", wire.ExplainSessionRequest, wire.AppSession)
STOP_APP_SESSION = Method(
    _SERVICE, "StopAppSession", wire.ExplainSessionRequest, training.StopSessionResponse, repeatable=False
)
LIST_MODELS = Method(_SERVICE, "ListModels", wire.ListModelsRequest, wire.ListModelsResponse)
ROLL_BACK_MODEL = Method(_SERVICE, "RollBackModel", wire.RollBackModelRequest, wire.MutableArtifact, repeatable=False)

BEGIN_BACKUP = Method(_SERVICE, "BeginBackup", wire.BeginBackupRequest, wire.BeginBackupResponse, repeatable=False)
READ_BACKUP = Method(_SERVICE, "ReadBackup", wire.ReadBackupRequest, wire.ReadBackupResponse)
END_BACKUP = Method(_SERVICE, "EndBackup", wire.EndBackupRequest, wire.EndBackupResponse)

ORDER_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 10.0
"""A person waits, and a daemon that does not tell its state in this time hangs."""


class ControlClient:
    """A connection to the owner's socket. Nothing is repeated: whoever gives orders sees what became of each."""

    def __init__(
        self, transport: Transport, timeout_s: float = ORDER_TIMEOUT_S, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        """`timeout_s` is for every call, `read_timeout_s` for those that change nothing, where it is shorter."""
        self._transport = transport
        self._timeout_s = timeout_s
        self._read_timeout_s = min(timeout_s, read_timeout_s)

    @classmethod
    def connect(
        cls,
        socket: str | os.PathLike[str] | None = None,
        timeout_s: float = ORDER_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> "ControlClient":
        """`socket` is found by itself unless given; see `client_lib.locations`."""
        from client_lib.lane_transport import LaneTransport

        path = find_control_socket() if socket is None else Path(socket).expanduser().absolute()
        return cls(LaneTransport(path), timeout_s, read_timeout_s)

    def status(self) -> wire.DaemonStatus:
        return self._read(GET_STATUS, wire.GetStatusRequest())

    def metrics(self) -> str:
        """What the daemon has counted since its start, in Prometheus' text format."""
        return self._read(GET_METRICS, wire.GetMetricsRequest()).text

    def apps(self) -> wire.ListAppsResponse:
        return self._read(LIST_APPS, wire.ListAppsRequest())

    def approve_app(self, request: wire.ApproveAppRequest) -> wire.AppRecord:
        return self._call(APPROVE_APP, request)

    def remove_app(self, package: str) -> None:
        self._call(REMOVE_APP, wire.RemoveAppRequest(package=package))

    def issue_token(self, package: str) -> wire.IssueTokenResponse:
        return self._call(ISSUE_TOKEN, wire.IssueTokenRequest(package=package))

    def set_consent(self, package: str, *, given: bool) -> None:
        self._call(SET_CONSENT, wire.SetConsentRequest(package=package, given=given))

    def permissions(self, package: str = "") -> wire.ListPermissionsResponse:
        return self._read(LIST_PERMISSIONS, wire.ListPermissionsRequest(package=package))

    def set_permission(self, package: str, scope: str, *, granted: bool) -> wire.SetPermissionResponse:
        """`scope` is "TYPE" or "TYPE.FEATURE"."""
        return self._call(SET_PERMISSION, wire.SetPermissionRequest(package=package, scope=scope, granted=granted))

    def data(self, package: str = "") -> wire.ShowDataResponse:
        return self._read(SHOW_DATA, wire.ShowDataRequest(package=package))

    def clear_data(self, package: str, collection: str = "", account: str = "") -> int:
        """Returns how many examples were deleted."""
        request = wire.ClearDataRequest(package=package, collection=collection, account=account)
        return self._call(CLEAR_DATA, request).count

    def unhide_data(self) -> int:
        """Bring back what only a wrong wall clock had hidden; returns how many examples came back."""
        return self._call(UNHIDE_DATA, wire.UnhideDataRequest()).examples

    def context(self) -> wire.ShowContextResponse:
        return self._read(SHOW_CONTEXT, wire.ShowContextRequest())

    def set_scripted_context(self, type: str, features: Features) -> None:
        """Replace a reading of the scripted source; no feature makes it unknown."""
        self._call(SET_SCRIPTED_CONTEXT, wire.SetScriptedContextRequest(type=type, features=features))

    def sessions(self) -> wire.ListAllSessionsResponse:
        return self._read(LIST_ALL_SESSIONS, wire.ListAllSessionsRequest())

    def explain_session(self, session: str, package: str = "") -> wire.AppSession:
        return self._read(EXPLAIN_SESSION, wire.ExplainSessionRequest(session=session, package=package))

    def stop_session(self, session: str, package: str = "") -> None:
        self._call(STOP_APP_SESSION, wire.ExplainSessionRequest(session=session, package=package))

    def models(self, package: str = "") -> wire.ListModelsResponse:
        return self._read(LIST_MODELS, wire.ListModelsRequest(package=package))

    def roll_back_model(self, package: str, uri: str, version: int = 0) -> wire.MutableArtifact:
        """`version` 0 means the one before that in use."""
        return self._call(ROLL_BACK_MODEL, wire.RollBackModelRequest(package=package, uri=uri, version=version))

    def begin_backup(self, recovery_key: bytes, stretching: wire.KeyStretching) -> wire.BeginBackupResponse:
        """Take the state of this moment; end it, or leave it unread for a minute, before another is begun."""
        return self._call(BEGIN_BACKUP, wire.BeginBackupRequest(recovery_key=recovery_key, stretching=stretching))

    def read_backup(self, backup: str, page: int) -> wire.ReadBackupResponse:
        """`page` counts from 0."""
        return self._call(READ_BACKUP, wire.ReadBackupRequest(backup=backup, page=page))

    def end_backup(self, backup: str) -> None:
        self._call(END_BACKUP, wire.EndBackupRequest(backup=backup))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, method: Method[Request, Response], request: Request) -> Response:
        try:
            return self._transport.call(method, request, session="", timeout_s=self._read_timeout_s)
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                f"the daemon did not answer in {self._read_timeout_s:g} s; look with: insitu doctor",
                reason=error.reason,
            ) from error

    def _call(self, method: Method[Request, Response], request: Request) -> Response:
        return self._transport.call(method, request, session="", timeout_s=self._timeout_s)
