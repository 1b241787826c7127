"""The Control service in memory: what the device's owner decides."""

from collections.abc import Callable

from client_lib.errors import FailedPrecondition, NotFound
from client_lib.testing.access import approve, ask
from client_lib.testing.collections import clear, stats_of, usage_of
from client_lib.testing.context import FEATURES, narrowed, parse_scope, set_reading
from client_lib.testing.state import SESSION_LIFETIME_S, App, Model, Part, State
from client_lib.testing.training import find, forget, status_of
from insitu.v1 import collection_pb2, control_pb2, training_pb2


class Control:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State, socket: Callable[[], str]) -> None:
        """`socket` tells where the device listens."""
        self._state = state
        self._socket = socket

    def get_status(self, request: control_pb2.GetStatusRequest) -> control_pb2.DaemonStatus:
        apps = self._state.apps.values()
        return control_pb2.DaemonStatus(
            version="0.1.0",
            socket=self._socket(),
            configuration_file="/device/config/insitu.toml",
            apps=len(apps),
            open_sessions=len(self._state.sessions),
            predictions=sum(app.predictions for app in apps),
            missing_protections=["this device is in memory: nothing protects what it holds"],
        )

    def get_metrics(self, request: control_pb2.GetMetricsRequest) -> control_pb2.Metrics:
        return control_pb2.Metrics(text=f"insitu_open_sessions {len(self._state.sessions)}\n")

    def begin_backup(self, request: control_pb2.BeginBackupRequest) -> control_pb2.BeginBackupResponse:
        raise FailedPrecondition("a device in memory has no state folder: back up one with a daemon")

    def read_backup(self, request: control_pb2.ReadBackupRequest) -> control_pb2.ReadBackupResponse:
        raise NotFound("backup: this backup is over: begin another", field="backup")

    def end_backup(self, request: control_pb2.EndBackupRequest) -> control_pb2.EndBackupResponse:
        return control_pb2.EndBackupResponse()

    def list_apps(self, request: control_pb2.ListAppsRequest) -> control_pb2.ListAppsResponse:
        return control_pb2.ListAppsResponse(apps=map(_record, self._state.apps.values()))

    def approve_app(self, request: control_pb2.ApproveAppRequest) -> control_pb2.AppRecord:
        if request.certificate_request_pem:
            waiting = self._state.apps.get(request.package)
            if waiting is not None and not waiting.certificate_pem:
                del self._state.apps[request.package]
            ask(
                self._state,
                request.package,
                request.api_key_sha256,
                request.certificate_request_pem,
                tuple(sorted(request.context)),
            )
        if request.package not in self._state.apps:
            raise NotFound(
                f"no request of {request.package} waits: start the app, or hand in its credentials", reason="NO_REQUEST"
            )
        app = self._state.apps[request.package]
        approve(self._state, app)
        return _record(app)

    def remove_app(self, request: control_pb2.RemoveAppRequest) -> control_pb2.RemoveAppResponse:
        self._state.app(request.package)
        del self._state.apps[request.package]
        for session, (package, _) in list(self._state.sessions.items()):
            if package == request.package:
                del self._state.sessions[session]
        return control_pb2.RemoveAppResponse()

    def issue_token(self, request: control_pb2.IssueTokenRequest) -> control_pb2.IssueTokenResponse:
        session = self._state.open_session(self._state.app(request.package).package)
        return control_pb2.IssueTokenResponse(session=session, lifetime_s=SESSION_LIFETIME_S)

    def set_consent(self, request: control_pb2.SetConsentRequest) -> control_pb2.SetConsentResponse:
        self._state.app(request.package).consent = request.given
        return control_pb2.SetConsentResponse()

    def list_permissions(self, request: control_pb2.ListPermissionsRequest) -> control_pb2.ListPermissionsResponse:
        return control_pb2.ListPermissionsResponse(
            permissions=[_permission(app, type) for app in self._chosen(request.package) for type in _types(app)]
        )

    def set_permission(self, request: control_pb2.SetPermissionRequest) -> control_pb2.SetPermissionResponse:
        app = self._state.app(request.package)
        type, features = parse_scope(request.scope)
        before = app.grants.get(type, frozenset())
        app.grants[type] = before | features if request.granted else before - features
        deleted = 0 if before <= app.grants[type] else self._withdraw(app, type)
        return control_pb2.SetPermissionResponse(permission=_permission(app, type), deleted_versions=deleted)

    def show_data(self, request: control_pb2.ShowDataRequest) -> control_pb2.ShowDataResponse:
        now_ms = self._state.now_ms
        return control_pb2.ShowDataResponse(
            apps=[
                control_pb2.AppData(
                    package=app.package,
                    collections=[stats_of(one, now_ms) for one in app.collections.values()],
                    usage=usage_of(self._state, app),
                )
                for app in self._chosen(request.package)
            ]
        )

    def clear_data(self, request: control_pb2.ClearDataRequest) -> collection_pb2.ClearResponse:
        app, now_ms = self._state.app(request.package), self._state.now_ms
        if request.collection and request.collection not in app.collections:
            raise NotFound(
                f"collection: {app.package} has no collection {request.collection!r}; `insitu data show` lists them",
                field="collection",
            )
        names = [request.collection] if request.collection else list(app.collections)
        count = sum(clear(app.collections[name], request.account, now_ms) for name in names)
        forget(
            app,
            now_ms,
            lambda session: session.plan.training.query.collection in names,
            lambda version: version.collection not in names,
        )
        if len(names) == len(app.collections):
            app.accounts.discard(request.account)
        return collection_pb2.ClearResponse(count=count)

    def unhide_data(self, request: control_pb2.UnhideDataRequest) -> control_pb2.UnhideDataResponse:
        """Nothing is ever hidden here: there is one clock, and it goes as the test says."""
        return control_pb2.UnhideDataResponse()

    def show_context(self, request: control_pb2.ShowContextRequest) -> control_pb2.ShowContextResponse:
        return control_pb2.ShowContextResponse(
            readings=[
                control_pb2.ContextReading(type=type, features=self._state.context.get(type), source="scripted")
                for type in FEATURES
            ]
        )

    def set_scripted_context(
        self, request: control_pb2.SetScriptedContextRequest
    ) -> control_pb2.SetScriptedContextResponse:
        set_reading(self._state, request.type, request.features)
        return control_pb2.SetScriptedContextResponse()

    def list_all_sessions(self, request: control_pb2.ListAllSessionsRequest) -> control_pb2.ListAllSessionsResponse:
        return control_pb2.ListAllSessionsResponse(
            sessions=[
                control_pb2.AppSession(package=app.package, status=status_of(session, app, self._state))
                for app in self._state.apps.values()
                for session in app.sessions.values()
            ]
        )

    def explain_session(self, request: control_pb2.ExplainSessionRequest) -> control_pb2.AppSession:
        app = self._owner_of(request)
        status = status_of(find(app, request.session), app, self._state)
        return control_pb2.AppSession(package=app.package, status=status)

    def stop_app_session(self, request: control_pb2.ExplainSessionRequest) -> training_pb2.StopSessionResponse:
        del self._owner_of(request).sessions[request.session]
        return training_pb2.StopSessionResponse()

    def list_models(self, request: control_pb2.ListModelsRequest) -> control_pb2.ListModelsResponse:
        return control_pb2.ListModelsResponse(
            artifacts=[_artifact(app, model) for app in self._chosen(request.package) for model in app.models.values()]
        )

    def roll_back_model(self, request: control_pb2.RollBackModelRequest) -> control_pb2.MutableArtifact:
        app = self._state.app(request.package)
        if request.uri not in app.models:
            raise NotFound(f"uri: {app.package} has no {request.uri!r}; `insitu models list` shows all", field="uri")
        model = app.models[request.uri]
        numbers = [version.wire.version for version in model.versions]
        if request.version and request.version not in numbers:
            raise NotFound(f"{request.uri} has no version {request.version}", reason="NO_SUCH_VERSION")
        earlier = [number for number in numbers if number < model.in_use]
        if not request.version and not earlier:
            raise FailedPrecondition(f"{request.uri} has no earlier version to go back to", reason="NO_EARLIER_VERSION")
        model.in_use = request.version or max(earlier)
        return _artifact(app, model)

    def _withdraw(self, app: App, type: str) -> int:
        """What is stored of the surplus goes, and with it what was learnt."""
        for collection in app.collections.values():
            for entry in collection.entries:
                part = entry.context.pop(type, None)
                left = narrowed(part.features, app.grants[type]) if part else None
                if part is not None and left is not None and left.feature:
                    entry.context[type] = Part(left, part.expires_ms)
        return forget(app, self._state.now_ms, lambda _: True, lambda version: type not in version.wire.context)

    def _chosen(self, package: str) -> list[App]:
        return [self._state.app(package)] if package else list(self._state.apps.values())

    def _owner_of(self, request: control_pb2.ExplainSessionRequest) -> App:
        for app in self._chosen(request.package):
            if request.session in app.sessions:
                return app
        raise NotFound(
            f"session: there is no training session {request.session!r}; `insitu train list` shows all", field="session"
        )


def _record(app: App) -> control_pb2.AppRecord:
    state = control_pb2.REQUESTED
    if app.certificate_pem:
        state = control_pb2.REGISTERED if app.platform_key_sha256 else control_pb2.APPROVED
    return control_pb2.AppRecord(
        package=app.package,
        state=state,
        consent=app.consent,
        wished_context=app.wishes,
        requested_ms=app.requested_ms,
        approved_ms=app.approved_ms,
        last_seen_ms=app.seen_ms,
    )


def _types(app: App) -> list[str]:
    return sorted(app.grants.keys() | {wish.partition(".")[0] for wish in app.wishes})


def _permission(app: App, type: str) -> control_pb2.Permission:
    wished = any(wish.partition(".")[0] == type for wish in app.wishes)
    granted = sorted(app.grants.get(type, ()))
    return control_pb2.Permission(package=app.package, type=type, features=granted, wished=wished)


def _artifact(app: App, model: Model) -> control_pb2.MutableArtifact:
    return control_pb2.MutableArtifact(
        package=app.package,
        uri=model.uri,
        versions=[version.wire for version in model.versions],
        version_in_use=model.in_use,
    )
