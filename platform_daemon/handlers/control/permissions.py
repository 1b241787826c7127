"""Consent to collection, and grants of context."""

import asyncio

from context import Change, ContextError, ContextRegistry, Scope, parse_scope
from insitu.v1 import control_pb2 as pb
from platform_daemon.access import Apps, Permissions
from platform_daemon.errors import InvalidArgument
from platform_daemon.forgetting import Forgetting
from platform_daemon.transport.calls import CallContext


class PermissionsPart:
    def __init__(self, apps: Apps, permissions: Permissions, registry: ContextRegistry, forgetting: Forgetting) -> None:
        self._apps = apps
        self._permissions = permissions
        self._registry = registry
        self._forgetting = forgetting

    async def set_consent(self, request: pb.SetConsentRequest, context: CallContext) -> pb.SetConsentResponse:
        await asyncio.to_thread(self._permissions.set_consent, request.package, request.given)
        if not request.given:
            for enclave in self._apps.enclaves(request.package):
                await self._forgetting.settle(enclave)
        return pb.SetConsentResponse()

    async def list_permissions(
        self, request: pb.ListPermissionsRequest, context: CallContext
    ) -> pb.ListPermissionsResponse:
        apps = [self._apps.get(request.package)] if request.package else self._apps.list()
        return pb.ListPermissionsResponse(
            permissions=[permission for app in apps for permission in self._permissions_of(app.package, app.wished)]
        )

    async def set_permission(self, request: pb.SetPermissionRequest, context: CallContext) -> pb.SetPermissionResponse:
        app = self._apps.get(request.package)
        scope = self._scope(request.scope)
        if request.granted:
            await asyncio.to_thread(self._permissions.grant, app.package, scope, self._registry)
            deleted = 0
        else:
            change = await asyncio.to_thread(self._permissions.revoke, app.package, scope)
            deleted = await self.carry_out(change)
        (permission,) = [one for one in self._permissions_of(app.package, app.wished) if one.type == scope.type]
        return pb.SetPermissionResponse(permission=permission, deleted_versions=deleted)

    async def carry_out(self, change: Change) -> int:
        """Delete what a narrowing left behind, then mark it as done. Returns how many parameter versions are gone."""
        deleted = 0
        if change.lost:
            for enclave in self._apps.enclaves(change.package):
                deleted += await self._forgetting.revoke(enclave, change.type, change.after)
            await asyncio.to_thread(self._permissions.narrowed, change.package, change.type, change.lost)
        return deleted

    async def take_up(self) -> None:
        """Carry out what a killed daemon had decided but not finished. Call once, before the sockets open."""
        for package, context_type, lost in self._permissions.pending():
            held = self._permissions.grants.features(package, context_type)
            # Granted again meanwhile or not: what was stored before the revocation must go.
            await self.carry_out(Change(package, context_type, held | lost, held - lost))

    def _scope(self, text: str) -> Scope:
        try:
            return parse_scope(text, self._registry)
        except ContextError as error:
            raise InvalidArgument(str(error), field="scope") from error

    def _permissions_of(self, package: str, wished: tuple[str, ...]) -> list[pb.Permission]:
        decided = {one.type: one for one in self._permissions.decisions(package)}
        wished_types = {wish.partition(".")[0] for wish in wished}
        return [
            pb.Permission(
                package=package,
                type=name,
                features=sorted(decided[name].features) if name in decided else [],
                wished=name in wished_types,
                changed_ms=decided[name].changed_ms if name in decided else 0,
            )
            for name in sorted(decided.keys() | wished_types)
        ]
