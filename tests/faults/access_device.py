"""Access over a real socket that every user may reach, with a clock that the test turns."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client_lib.connection import drive
from client_lib.credentials import Credentials, CredentialsFile
from client_lib.errors import NotApproved
from client_lib.grpc_transport import GrpcTransport
from client_lib.handshake import CHALLENGE, CLOSE, OPEN, open_session
from client_lib.identity import new_credentials, sign_token
from client_lib.lane_transport import LaneTransport
from client_lib.transport import Transport
from insitu.v1 import access_pb2 as pb
from platform_daemon.transport import Access, Listener, MethodTable
from tests.access.simulated_app import PACKAGE, Device

TRANSPORTS = {"grpc": GrpcTransport, "lane": LaneTransport}


@dataclass(frozen=True)
class OpenDevice:
    """A device, one approved app's credentials, and a connection as that app."""

    device: Device
    socket: Path
    keys: CredentialsFile
    transport: Transport

    @property
    def credentials(self) -> Credentials:
        return self.keys.read()

    def open(self) -> str:
        """The honest way."""
        return drive(open_session(self.keys), self.transport)

    def token(self, purpose: pb.TokenPurpose = pb.TokenPurpose.OPEN) -> pb.PackageToken:
        answer = self.transport.call(CHALLENGE, pb.ChallengeRequest(package=PACKAGE), session="", timeout_s=10)
        return sign_token(self.credentials, audience=answer.audience, nonce=answer.nonce, purpose=purpose)

    def open_with(self, token: pb.PackageToken, platform_key: str | None = None) -> str:
        key = next(iter(self.credentials.platform_keys.values())) if platform_key is None else platform_key
        request = pb.OpenRequest(package=PACKAGE, platform_key=key, token=token)
        return self.transport.call(OPEN, request, session="", timeout_s=10).session

    def close(self, session: str) -> None:
        self.transport.call(CLOSE, pb.CloseRequest(), session=session, timeout_s=10)


@contextmanager
def open_device(transport: str) -> Iterator[OpenDevice]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with tempfile.TemporaryDirectory(prefix="k12-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            device = Device(folder)
            table = MethodTable(device.sessions.check)
            table.add_service(pb.DESCRIPTOR.services_by_name["Access"], device.servicer, Access.PUBLIC)
            listener = Listener(folder / "s.sock", table, mode=0o666)
            asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
            keys = CredentialsFile(folder / "app.json")
            keys.create(new_credentials(PACKAGE, ()))
            carrier = TRANSPORTS[transport](listener.path)
            try:
                drive(open_session(keys), carrier)
            except NotApproved:
                device.authority.approve(PACKAGE)
            opened = OpenDevice(device, listener.path, keys, carrier)
            opened.open()
            yield opened
            carrier.close()
            asyncio.run_coroutine_threadsafe(listener.close(grace_s=0.0), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
