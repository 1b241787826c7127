"""A daemon's whole primary in this process, without sockets and with simulated workers, to answer any bytes."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from client_lib.identity import hashed_api_key, new_credentials
from insitu.v1.control_pb2 import ApproveAppRequest, SetConsentRequest, SetPermissionRequest
from platform_daemon.app import Primary
from platform_daemon.configuration import load
from platform_daemon.errors import Internal
from platform_daemon.transport.calls import CallContext, MethodTable, Peer
from platform_daemon.transport.status import as_daemon_error
from platform_daemon.transport.tenancy import Tenancy, TenantLimits
from tests.prediction.simulator import Workers

T = TypeVar("T")
PACKAGE = "com.example.app"
PEER = Peer(1000, 4711, "fuzz")
PATIENT = TenantLimits(refusals_per_s=1e9)
"""Whoever fuzzes is refused all the time, and must not wait for it."""


class Device:
    """With one app that may do everything."""

    def __init__(self, folder: Path) -> None:
        (folder / "insitu.toml").write_text("[context]\nscripted = true\n")
        self._loop = asyncio.new_event_loop()
        self.primary = self.run(self._make(folder))
        self.apps_table: MethodTable = self.primary._app_socket._table
        self.owners_table: MethodTable = self.primary._control_socket._table
        self.apps_table._tenancy = Tenancy(PATIENT)
        self.primary._pool._spawn = Workers().spawn
        self.credentials = new_credentials(PACKAGE, ("power",))
        self.session = ""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def tell(self, table: MethodTable, path: str, request: bytes) -> bytes:
        """The answer to a call. Raises DaemonError but Internal; anything else is a defect, Internal as well."""
        context = CallContext(PEER, self.session)
        try:
            return self.run(table.answer(table.methods[path], request, context))
        except Exception as error:
            refusal = as_daemon_error(error, path)
            if isinstance(refusal, Internal):
                raise AssertionError(path) from error
            raise refusal from error

    def approve(self) -> None:
        """The app, with consent, grants and a session. Repeatable."""
        request = ApproveAppRequest(
            package=PACKAGE,
            certificate_request_pem=self.credentials.certificate_request_pem,
            api_key_sha256=hashed_api_key(self.credentials),
            context=["power"],
        )
        self.tell(self.owners_table, "/insitu.v1.Control/ApproveApp", request.SerializeToString())
        consent, grant = (
            SetConsentRequest(package=PACKAGE, given=True),
            SetPermissionRequest(package=PACKAGE, scope="power", granted=True),
        )
        self.tell(self.owners_table, "/insitu.v1.Control/SetConsent", consent.SerializeToString())
        self.tell(self.owners_table, "/insitu.v1.Control/SetPermission", grant.SerializeToString())
        self.session = self.primary._authority.issue_session(PACKAGE, PEER.uid)

    async def _make(self, folder: Path) -> Primary:
        file = folder / "insitu.toml"
        return Primary(load(home=str(folder), file=file, environ={}), [], file)
