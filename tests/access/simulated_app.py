"""A device's access control without its sockets, and apps that go through it."""

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from context.clock import ManualClock
from insitu.v1 import access_pb2 as pb
from platform_daemon.access import SCHEMA, AccessServicer, Apps, Authority, Issuer, Nonces, Permissions, Sessions
from platform_daemon.fair_threads import FairThreads
from platform_daemon.state import Database
from platform_daemon.transport import CallContext, Peer

PACKAGE = "com.example.keyboard"
AUDIENCE = "device-1"


def caller(uid: int = 1000, session: str = "") -> CallContext:
    return CallContext(Peer(uid, 77, f"insitu-uid{uid}-pid77-conn1-00"), session)


class Device:
    """All of access on one state folder. Made again on the same folder, it is the device after a restart."""

    def __init__(self, folder: Path, clock: ManualClock | None = None, audience: str = AUDIENCE) -> None:
        self.clock = clock or ManualClock()
        self.issuer = Issuer.open(folder) if (folder / "authority.key").exists() else Issuer.provision(folder)
        self.database = Database(folder / "state.db", (SCHEMA,))
        self.apps = Apps(self.database, self.clock)
        self.permissions = Permissions(self.database, self.apps, self.clock)
        self.sessions = Sessions(self.clock)
        self.authority = Authority(self.issuer, self.apps, self.permissions, self.sessions, self.database)
        self.nonces = Nonces(self.clock)
        threads = FairThreads(1, "access", per_tenant=1)
        self.servicer = AccessServicer(self.authority, self.apps, self.nonces, self.sessions, audience, threads)


@dataclass
class SimulatedApp:
    """An app's side of the handshake."""

    package: str = PACKAGE
    uid: int = 1000
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def request_pem(self, common_name: str | None = None) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or self.package)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, None)
        return request.public_bytes(Encoding.PEM).decode()

    def approval_request(self, context: tuple[str, ...] = ()) -> pb.RequestApprovalRequest:
        return pb.RequestApprovalRequest(
            package=self.package,
            api_key_sha256=hashlib.sha256(self.api_key.encode()).hexdigest(),
            certificate_request_pem=self.request_pem(),
            context=context,
        )

    def token(self, nonce: bytes, purpose: pb.TokenPurpose, /, **changes: object) -> pb.PackageToken:
        """A token over `nonce`; `changes` replace fields of what is signed."""
        statement = pb.TokenStatement(package=self.package, audience=AUDIENCE, nonce=nonce, purpose=purpose)
        for name, value in changes.items():
            setattr(statement, name, value)
        return self.sign(statement.SerializeToString())

    def sign(self, statement: bytes) -> pb.PackageToken:
        return pb.PackageToken(statement=statement, signature=self.key.sign(b"insitu package token v1\0" + statement))

    async def be_approved(self, device: Device) -> None:
        await device.servicer.request_approval(self.approval_request(), caller(self.uid))
        device.authority.approve(self.package)

    async def challenge(self, device: Device) -> pb.ChallengeResponse:
        return await device.servicer.challenge(pb.ChallengeRequest(package=self.package), caller(self.uid))

    async def registration(self, device: Device) -> pb.RegisterRequest:
        challenge = await self.challenge(device)
        token = self.token(challenge.nonce, pb.TokenPurpose.REGISTER)
        return pb.RegisterRequest(
            package=self.package, api_key=self.api_key, certificate_pem=challenge.certificate_pem, token=token
        )

    async def register(self, device: Device) -> str:
        """Returns the platform key."""
        response = await device.servicer.register(await self.registration(device), caller(self.uid))
        return response.platform_key

    async def opening(self, device: Device, platform_key: str) -> pb.OpenRequest:
        nonce = (await self.challenge(device)).nonce
        token = self.token(nonce, pb.TokenPurpose.OPEN)
        return pb.OpenRequest(package=self.package, platform_key=platform_key, token=token)

    async def open(self, device: Device, platform_key: str) -> str:
        """Returns the session."""
        response = await device.servicer.open(await self.opening(device, platform_key), caller(self.uid))
        return response.session
