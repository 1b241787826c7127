"""The cryptography of an app's identity. Imported at the handshake: importing cryptography takes its time."""

import hashlib
import secrets
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from client_lib.credentials import Credentials
from client_lib.errors import CredentialsError, InvalidArgument
from client_lib.names import PACKAGE_RULE, is_package
from insitu.v1.access_pb2 import PackageToken, TokenPurpose, TokenStatement

_TOKEN_DOMAIN = b"insitu package token v1\0"


def new_credentials(package: str, context: Iterable[str] = (), assets: str | None = None) -> Credentials:
    """Make an app's API key, Ed25519 key pair and certificate request (RFC 2986).

    Raises InvalidArgument for what is no package name.
    """
    if not is_package(package):
        raise InvalidArgument(f"{package[:80]!r} is no package name; {PACKAGE_RULE}", field="package")
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, package)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    return Credentials(
        package=package,
        api_key=secrets.token_urlsafe(32),
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        certificate_request_pem=request.public_bytes(Encoding.PEM).decode(),
        context=tuple(context),
        assets=assets,
    )


def hashed_api_key(credentials: Credentials) -> str:
    """Hex SHA-256, which is all that is handed over before registration."""
    return hashlib.sha256(credentials.api_key.encode()).hexdigest()


def sign_token(credentials: Credentials, *, audience: str, nonce: bytes, purpose: TokenPurpose) -> PackageToken:
    """A package token for one nonce of one daemon, Ed25519 (RFC 8032)."""
    statement = TokenStatement(
        package=credentials.package, audience=audience, nonce=nonce, purpose=purpose
    ).SerializeToString()
    try:
        key = load_pem_private_key(credentials.private_key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:  # OpenSSL does not know them all
        raise CredentialsError(
            "private_key_pem is no PEM private key; make new credentials with: insitu app new"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CredentialsError("private_key_pem is no Ed25519 key; make new credentials with: insitu app new")
    return PackageToken(statement=statement, signature=key.sign(_TOKEN_DOMAIN + statement))
