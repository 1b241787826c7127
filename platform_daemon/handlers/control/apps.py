"""Approving, listing and removing apps."""

import asyncio
import logging

from insitu.v1 import control_pb2 as pb
from platform_daemon.access import App, Apps, AppState, Authority, Sessions
from platform_daemon.errors import ResourceExhausted
from platform_daemon.forgetting import Forgetting
from platform_daemon.logs import LogEvent, marked, outline
from platform_daemon.transport.calls import CallContext

log = logging.getLogger(__name__)

_STATES = {
    AppState.REQUESTED: pb.REQUESTED,
    AppState.APPROVED: pb.APPROVED,
    AppState.REGISTERED: pb.REGISTERED,
}


class AppsPart:
    def __init__(self, authority: Authority, apps: Apps, sessions: Sessions, forgetting: Forgetting) -> None:
        self._authority = authority
        self._apps = apps
        self._sessions = sessions
        self._forgetting = forgetting

    async def list_apps(self, request: pb.ListAppsRequest, context: CallContext) -> pb.ListAppsResponse:
        """A removed app is listed for as long as anything of it is left."""
        listed = {app.package: _record(app) for app in self._apps.list()}
        for enclave in self._apps.departed():
            listed.setdefault(enclave.package, pb.AppRecord(package=enclave.package, state=pb.REMOVING))
        return pb.ListAppsResponse(apps=[listed[package] for package in sorted(listed)])

    async def approve_app(self, request: pb.ApproveAppRequest, context: CallContext) -> pb.AppRecord:
        if request.certificate_request_pem:
            app = await asyncio.to_thread(
                self._authority.approve_request,
                request.package,
                request.certificate_request_pem,
                request.api_key_sha256,
                tuple(request.context),
                context.peer.uid,
            )
        else:
            app = await asyncio.to_thread(self._authority.approve, request.package)
        return _record(app)

    async def remove_app(self, request: pb.RemoveAppRequest, context: CallContext) -> pb.RemoveAppResponse:
        await asyncio.to_thread(self._authority.remove, request.package)
        await self.erase_departed()
        return pb.RemoveAppResponse()

    async def take_up(self) -> None:
        """Finish what a killed daemon had begun. A disk without room is no reason not to start: the owner finds the app
        in the list, and removes it again once there is room."""
        try:
            await self.erase_departed()
        except ResourceExhausted as error:
            extra = marked(LogEvent.STORE_UNUSABLE, error=outline(error))
            log.error("what removed apps left could not be erased: %s", error, extra=extra)

    async def erase_departed(self) -> None:
        """Erase what removed apps left. Repeatable."""
        for enclave in self._apps.departed():
            await self._forgetting.remove(enclave)
            await asyncio.to_thread(self._apps.erased, enclave)

    async def issue_token(self, request: pb.IssueTokenRequest, context: CallContext) -> pb.IssueTokenResponse:
        session = await asyncio.to_thread(self._authority.issue_session, request.package, context.peer.uid)
        return pb.IssueTokenResponse(session=session, lifetime_s=self._sessions.lifetime_s)


def _record(app: App) -> pb.AppRecord:
    return pb.AppRecord(
        package=app.package,
        state=_STATES[app.state],
        consent=app.consent,
        wished_context=app.wished,
        requested_ms=app.requested_ms,
        approved_ms=app.approved_ms,
        last_seen_ms=app.last_seen_ms,
    )
