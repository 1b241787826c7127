"""The Access service in memory: every signature is verified, so that who passes here has done the handshake."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from google.protobuf.message import DecodeError

from client_lib.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unauthenticated
from client_lib.names import PACKAGE_RULE, is_package
from client_lib.testing.state import SESSION_LIFETIME_S, App, State
from insitu.v1 import access_pb2 as pb

NONCE_LIFETIME_S = 60
_TOKEN_DOMAIN = b"insitu package token v1\0"


class Access:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State) -> None:
        self._state = state

    def request_approval(self, request: pb.RequestApprovalRequest, session: str) -> pb.RequestApprovalResponse:
        app = ask(
            self._state,
            request.package,
            request.api_key_sha256,
            request.certificate_request_pem,
            tuple(sorted(request.context)),
        )
        return pb.RequestApprovalResponse(approved=bool(app.certificate_pem))

    def challenge(self, request: pb.ChallengeRequest, session: str) -> pb.ChallengeResponse:
        package = _checked(request.package)
        app = self._state.apps.get(package)
        if app is None:
            raise NotFound(f"{package} has not asked for approval here: hand in a request first", reason="UNKNOWN_APP")
        if not app.certificate_pem:
            raise FailedPrecondition(
                f"{package} waits for approval: run `insitu app approve {package}`", reason="NOT_APPROVED"
            )
        nonce = secrets.token_bytes(32)
        self._state.nonces[nonce] = self._state.now_ms
        return pb.ChallengeResponse(
            nonce=nonce,
            nonce_lifetime_s=NONCE_LIFETIME_S,
            audience=self._state.audience,
            certificate_pem=app.certificate_pem,
        )

    def register(self, request: pb.RegisterRequest, session: str) -> pb.RegisterResponse:
        app = self._state.apps.get(_checked(request.package))
        if (
            app is None
            or not app.certificate_pem
            or request.certificate_pem != app.certificate_pem
            or _sha256(request.api_key) != app.api_key_sha256
        ):
            raise _not_verified()
        self._spend(app, request.token, pb.TokenPurpose.REGISTER)
        key = secrets.token_urlsafe(32)
        app.platform_key_sha256 = _sha256(key)
        return pb.RegisterResponse(platform_key=key)

    def open(self, request: pb.OpenRequest, session: str) -> pb.OpenResponse:
        app = self._state.apps.get(_checked(request.package))
        if app is None or _sha256(request.platform_key) != app.platform_key_sha256:
            raise _not_verified()
        self._spend(app, request.token, pb.TokenPurpose.OPEN)
        app.seen_ms = self._state.now_ms
        return pb.OpenResponse(session=self._state.open_session(app.package), lifetime_s=SESSION_LIFETIME_S)

    def close(self, request: pb.CloseRequest, session: str) -> pb.CloseResponse:
        self._state.caller(session)
        del self._state.sessions[session]
        return pb.CloseResponse()

    def _spend(self, app: App, token: pb.PackageToken, purpose: pb.TokenPurpose) -> None:
        key = x509.load_pem_x509_certificate(app.certificate_pem.encode()).public_key()
        assert isinstance(key, Ed25519PublicKey)
        try:
            key.verify(token.signature, _TOKEN_DOMAIN + token.statement)
            statement = pb.TokenStatement.FromString(token.statement)
        except (InvalidSignature, DecodeError) as error:
            raise _bad_token() from error
        if (statement.package, statement.audience, statement.purpose) != (app.package, self._state.audience, purpose):
            raise _bad_token()
        issued_ms = self._state.nonces.get(statement.nonce)
        if issued_ms is None:
            raise _refused("is not one that this daemon gave to this app and user", "BAD_NONCE")
        if issued_ms < 0:
            raise _refused("was used before", "NONCE_USED")
        if self._state.now_ms >= issued_ms + NONCE_LIFETIME_S * 1000:
            raise _refused(f"is older than {NONCE_LIFETIME_S} seconds", "NONCE_EXPIRED")
        self._state.nonces[statement.nonce] = -issued_ms


def ask(state: State, package: str, api_key_sha256: str, request_pem: str, wishes: tuple[str, ...]) -> App:
    """Keep a request for approval; the same one again changes nothing."""
    _checked(package)
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
    except ValueError as error:
        raise InvalidArgument(
            "certificate_request_pem: is no certificate request", field="certificate_request_pem"
        ) from error
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not request.is_signature_valid or [name.value for name in names] != [package]:
        raise InvalidArgument("certificate_request_pem: does not verify", field="certificate_request_pem")
    known = state.apps.setdefault(package, App(package, api_key_sha256, request_pem, wishes, state.now_ms))
    if (known.certificate_request_pem, known.api_key_sha256) != (request_pem, api_key_sha256):
        raise AlreadyExists(
            f"{package} is known with another key: remove it with insitu app remove {package}", reason="OTHER_KEY"
        )
    return known


def approve(state: State, app: App) -> None:
    """Sign the app's certificate. Approving again changes nothing."""
    if app.certificate_pem:
        return
    request = x509.load_pem_x509_csr(app.certificate_request_pem.encode())
    now = datetime.fromtimestamp(state.now_ms / 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a device in memory")]))
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(_authority_key(), None)
    )
    app.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    app.approved_ms = state.now_ms


@cache
def _authority_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def _checked(package: str) -> str:
    if not is_package(package):
        raise InvalidArgument(f"package: {package[:80]!r} is no package name; {PACKAGE_RULE}", field="package")
    return package


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _not_verified() -> Unauthenticated:
    return Unauthenticated(
        "package, key and certificate do not belong together here: register again, or ask for approval",
        reason="NOT_VERIFIED",
    )


def _bad_token() -> Unauthenticated:
    return Unauthenticated(
        "the package token does not verify: sign a new challenge's nonce with the app's key", reason="BAD_TOKEN"
    )


def _refused(why: str, reason: str) -> Unauthenticated:
    return Unauthenticated(f"the token's nonce {why}: ask for a new challenge", reason=reason)
