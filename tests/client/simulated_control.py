"""The Control service as control.proto has it."""

from insitu.v1 import collection_pb2, control_pb2, training_pb2
from platform_daemon.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.client.simulated_access import approve_app, request_app
from tests.client.simulated_device import CONTEXT_TYPES, App, DeviceState
from tests.client.simulated_services import clear, session_of, stats_of


class Control:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def GetStatus(self, request: control_pb2.GetStatusRequest, session: str) -> control_pb2.DaemonStatus:
        return control_pb2.DaemonStatus(
            version="0.1.0",
            pid=4242,
            started_ms=1_700_000_000_000,
            socket=self._state.socket,
            configuration_file="/device/config/insitu.toml",
            apps=len(self._state.apps),
            open_sessions=len(self._state.sessions),
            processes=[control_pb2.ProcessStatus(role="worker", pid=4243, started_ms=1_700_000_000_000)],
            missing_protections=["no Landlock: a worker could read files"],
        )

    def GetMetrics(self, request: control_pb2.GetMetricsRequest, session: str) -> control_pb2.Metrics:
        return control_pb2.Metrics(text=f"# TYPE insitu_apps gauge\ninsitu_apps {len(self._state.apps)}\n")

    def ListApps(self, request: control_pb2.ListAppsRequest, session: str) -> control_pb2.ListAppsResponse:
        return control_pb2.ListAppsResponse(apps=map(_record, self._state.apps.values()))

    def ApproveApp(self, request: control_pb2.ApproveAppRequest, session: str) -> control_pb2.AppRecord:
        if request.certificate_request_pem:
            app = App(
                request.package, request.api_key_sha256, request.certificate_request_pem, tuple(sorted(request.context))
            )
            request_app(self._state, app)
        app = self._state.app(request.package)
        approve_app(self._state, app)
        return _record(app)

    def RemoveApp(self, request: control_pb2.RemoveAppRequest, session: str) -> control_pb2.RemoveAppResponse:
        self._state.app(request.package)
        del self._state.apps[request.package]
        for opened, package in list(self._state.sessions.items()):
            if package == request.package:
                del self._state.sessions[opened]
        return control_pb2.RemoveAppResponse()

    def IssueToken(self, request: control_pb2.IssueTokenRequest, session: str) -> control_pb2.IssueTokenResponse:
        self._state.sessions["issued"] = self._state.app(request.package).package
        return control_pb2.IssueTokenResponse(session="issued", lifetime_s=3600)

    def SetConsent(self, request: control_pb2.SetConsentRequest, session: str) -> control_pb2.SetConsentResponse:
        self._state.app(request.package).consent = request.given
        return control_pb2.SetConsentResponse()

    def ListPermissions(
        self, request: control_pb2.ListPermissionsRequest, session: str
    ) -> control_pb2.ListPermissionsResponse:
        return control_pb2.ListPermissionsResponse(
            permissions=[_permission(app, type) for app in self._chosen(request.package) for type in CONTEXT_TYPES]
        )

    def SetPermission(
        self, request: control_pb2.SetPermissionRequest, session: str
    ) -> control_pb2.SetPermissionResponse:
        app = self._state.app(request.package)
        type, _, feature = request.scope.partition(".")
        if type not in CONTEXT_TYPES:
            raise InvalidArgument(f"there is no type {type!r}; use one of {sorted(CONTEXT_TYPES)}", field="scope")
        features = frozenset({feature}) if feature else CONTEXT_TYPES[type]
        before = app.grants.get(type, frozenset())
        app.grants[type] = before | features if request.granted else before - features
        return control_pb2.SetPermissionResponse(permission=_permission(app, type))

    def ShowData(self, request: control_pb2.ShowDataRequest, session: str) -> control_pb2.ShowDataResponse:
        return control_pb2.ShowDataResponse(
            apps=[
                control_pb2.AppData(
                    package=app.package,
                    collections=[stats_of(name, collection) for name, collection in app.collections.items()],
                )
                for app in self._chosen(request.package)
            ]
        )

    def ClearData(self, request: control_pb2.ClearDataRequest, session: str) -> collection_pb2.ClearResponse:
        app = self._state.app(request.package)
        if request.collection and request.collection not in app.collections:
            raise NotFound(f"there is no collection {request.collection!r}", field="collection")
        chosen = [request.collection] if request.collection else list(app.collections)
        return collection_pb2.ClearResponse(count=sum(clear(app.collections[name], request.account) for name in chosen))

    def ShowContext(self, request: control_pb2.ShowContextRequest, session: str) -> control_pb2.ShowContextResponse:
        return control_pb2.ShowContextResponse(
            readings=[
                control_pb2.ContextReading(type=type, features=self._state.context.get(type), source="scripted")
                for type in CONTEXT_TYPES
            ]
        )

    def SetScriptedContext(
        self, request: control_pb2.SetScriptedContextRequest, session: str
    ) -> control_pb2.SetScriptedContextResponse:
        unknown = set(request.features.feature) - CONTEXT_TYPES.get(request.type, frozenset())
        if request.type not in CONTEXT_TYPES or unknown:
            raise InvalidArgument(f"there is no feature {sorted(unknown)} of {request.type}", field="features")
        self._state.context[request.type] = request.features
        return control_pb2.SetScriptedContextResponse()

    def ListAllSessions(
        self, request: control_pb2.ListAllSessionsRequest, session: str
    ) -> control_pb2.ListAllSessionsResponse:
        return control_pb2.ListAllSessionsResponse(
            sessions=[
                control_pb2.AppSession(package=app.package, status=status)
                for app in self._state.apps.values()
                for status in app.sessions.values()
            ]
        )

    def ExplainSession(self, request: control_pb2.ExplainSessionRequest, session: str) -> control_pb2.AppSession:
        app = self._owner_of(request)
        return control_pb2.AppSession(package=app.package, status=session_of(app, request.session))

    def StopAppSession(
        self, request: control_pb2.ExplainSessionRequest, session: str
    ) -> training_pb2.StopSessionResponse:
        app = self._owner_of(request)
        session_of(app, request.session)
        del app.sessions[request.session]
        return training_pb2.StopSessionResponse()

    def ListModels(self, request: control_pb2.ListModelsRequest, session: str) -> control_pb2.ListModelsResponse:
        return control_pb2.ListModelsResponse(
            artifacts=[model for app in self._chosen(request.package) for model in app.models.values()]
        )

    def RollBackModel(self, request: control_pb2.RollBackModelRequest, session: str) -> control_pb2.MutableArtifact:
        app = self._state.app(request.package)
        if request.uri not in app.models:
            raise NotFound(f"there is no artifact {request.uri!r}", field="uri")
        model = app.models[request.uri]
        earlier = [version.version for version in model.versions if version.version < model.version_in_use]
        if not earlier:
            raise FailedPrecondition("there is no earlier version; train first", reason="NO_EARLIER_VERSION")
        model.version_in_use = request.version or max(earlier)
        return model

    def _chosen(self, package: str) -> list[App]:
        return [self._state.app(package)] if package else list(self._state.apps.values())

    def _owner_of(self, request: control_pb2.ExplainSessionRequest) -> App:
        for app in self._chosen(request.package):
            if request.session in app.sessions:
                return app
        raise NotFound(f"there is no session {request.session!r}; see: insitu train list", field="session")


def _record(app: App) -> control_pb2.AppRecord:
    state = control_pb2.AppState.REQUESTED
    if app.certificate_pem:
        state = control_pb2.AppState.REGISTERED if app.platform_key_sha256 else control_pb2.AppState.APPROVED
    return control_pb2.AppRecord(package=app.package, state=state, consent=app.consent, wished_context=app.wishes)


def _permission(app: App, type: str) -> control_pb2.Permission:
    wished = any(wish.partition(".")[0] == type for wish in app.wishes)
    granted = sorted(app.grants.get(type, ()))
    return control_pb2.Permission(package=app.package, type=type, features=granted, wished=wished)
