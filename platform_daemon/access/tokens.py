"""Package tokens: what an app signs to prove, here and now, that it holds its private key."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import DecodeError

from insitu.v1.access_pb2 import PackageToken, TokenPurpose, TokenStatement
from platform_daemon.errors import Unauthenticated

_SIGNED_PREFIX = b"insitu package token v1\0"
_STATEMENT_LIMIT_BYTES = 1024


def verify_token(
    token: PackageToken, public_key: bytes, *, package: str, audience: str, purpose: TokenPurpose
) -> bytes:
    """The nonce of a token that is what it should be; the caller spends it. `public_key` is raw Ed25519.

    Raises Unauthenticated (BAD_TOKEN), without a word on what is wrong.
    """
    if len(token.statement) > _STATEMENT_LIMIT_BYTES:
        raise _bad_token()
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(token.signature, _SIGNED_PREFIX + token.statement)
        statement = TokenStatement.FromString(token.statement)
    except (InvalidSignature, DecodeError) as error:
        raise _bad_token() from error
    found = (statement.package, statement.audience, statement.purpose)
    if found != (package, audience, purpose):
        raise _bad_token()
    return statement.nonce


def _bad_token() -> Unauthenticated:
    return Unauthenticated(
        "the package token does not verify: sign a new challenge's nonce with the app's key", reason="BAD_TOKEN"
    )
