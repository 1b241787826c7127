"""The Access service as access.proto has it."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from insitu.v1 import access_pb2 as pb
from platform_daemon.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unauthenticated
from tests.client.simulated_device import App, DeviceState


class Access:
    def __init__(self, state: DeviceState) -> None:
        self._state = state

    def RequestApproval(self, request: pb.RequestApprovalRequest, session: str) -> pb.RequestApprovalResponse:
        wishes = tuple(sorted(request.context))
        app = App(request.package, request.api_key_sha256, request.certificate_request_pem, wishes)
        return pb.RequestApprovalResponse(approved=bool(request_app(self._state, app).certificate_pem))

    def Challenge(self, request: pb.ChallengeRequest, session: str) -> pb.ChallengeResponse:
        app = self._state.app(request.package)
        if not app.certificate_pem:
            raise FailedPrecondition("approval is still to come", reason="NOT_APPROVED")
        nonce = secrets.token_bytes(32)
        self._state.nonces.add(nonce)
        return pb.ChallengeResponse(
            nonce=nonce, nonce_lifetime_s=60, audience=self._state.audience, certificate_pem=app.certificate_pem
        )

    def Register(self, request: pb.RegisterRequest, session: str) -> pb.RegisterResponse:
        app = self._known(request.package)
        if _sha256(request.api_key) != app.api_key_sha256 or request.certificate_pem != app.certificate_pem:
            raise Unauthenticated("API key or certificate do not verify")
        self._check_token(app, request.token, pb.TokenPurpose.REGISTER)
        key = secrets.token_urlsafe(32)
        app.platform_key_sha256 = _sha256(key)
        return pb.RegisterResponse(platform_key=key)

    def Open(self, request: pb.OpenRequest, session: str) -> pb.OpenResponse:
        app = self._known(request.package)
        if _sha256(request.platform_key) != app.platform_key_sha256:
            raise Unauthenticated("the platform key is unknown; register again")
        self._check_token(app, request.token, pb.TokenPurpose.OPEN)
        opened = secrets.token_urlsafe(16)
        self._state.sessions[opened] = app.package
        return pb.OpenResponse(session=opened, lifetime_s=3600)

    def Close(self, request: pb.CloseRequest, session: str) -> pb.CloseResponse:
        self._state.caller(session)
        del self._state.sessions[session]
        return pb.CloseResponse()

    def _known(self, package: str) -> App:
        try:
            return self._state.app(package)
        except NotFound as error:
            raise Unauthenticated("unknown package") from error

    def _check_token(self, app: App, token: pb.PackageToken, purpose: pb.TokenPurpose) -> None:
        statement = pb.TokenStatement.FromString(token.statement)
        key = x509.load_pem_x509_certificate(app.certificate_pem.encode()).public_key()
        assert isinstance(key, Ed25519PublicKey)
        try:
            key.verify(token.signature, b"insitu package token v1\0" + token.statement)
        except InvalidSignature as error:
            raise Unauthenticated("the token's signature does not verify") from error
        expected = (app.package, self._state.audience, purpose)
        if (statement.package, statement.audience, statement.purpose) != expected:
            raise Unauthenticated("the token was made for something else")
        if statement.nonce not in self._state.nonces:
            raise Unauthenticated("the nonce is unknown or was used")
        self._state.nonces.remove(statement.nonce)


def request_app(state: DeviceState, app: App) -> App:
    """Keep a request for approval; the same one again changes nothing."""
    request = x509.load_pem_x509_csr(app.certificate_request_pem.encode())
    if not request.is_signature_valid or _common_name(request) != app.package:
        raise InvalidArgument("does not verify", field="certificate_request_pem")
    known = state.apps.setdefault(app.package, app)
    if known.certificate_request_pem != app.certificate_request_pem:
        raise AlreadyExists(f"{app.package} is known with another key; run: insitu app remove {app.package}")
    return known


def approve_app(state: DeviceState, app: App) -> None:
    request = x509.load_pem_x509_csr(app.certificate_request_pem.encode())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated authority")]))
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(state.authority_key, None)
    )
    app.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()


def _common_name(request: x509.CertificateSigningRequest) -> str:
    return str(request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
