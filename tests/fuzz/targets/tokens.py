"""Package tokens and nonces: none but the one that was signed is good."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import DecodeError

from context import ManualClock
from insitu.v1.access_pb2 import PackageToken, TokenPurpose, TokenStatement
from platform_daemon.access.nonces import Nonces
from platform_daemon.access.tokens import verify_token
from platform_daemon.errors import DaemonError
from tests.fuzz.target import FuzzTarget

PACKAGE, AUDIENCE = "com.example.app", "device"
_SIGNED_PREFIX = b"insitu package token v1\0"


def target(folder: Path) -> FuzzTarget:
    key = Ed25519PrivateKey.generate()
    public_key = key.public_key().public_bytes_raw()
    nonces = Nonces(ManualClock(), uses_limit=1 << 30)
    nonce = nonces.issue(1000, PACKAGE)
    statement = TokenStatement(package=PACKAGE, audience=AUDIENCE, purpose=TokenPurpose.OPEN, nonce=nonce)
    signed = statement.SerializeToString()
    good = PackageToken(statement=signed, signature=key.sign(_SIGNED_PREFIX + signed))

    def parse(data: bytes) -> None:
        token = PackageToken.FromString(data)
        found = verify_token(token, public_key, package=PACKAGE, audience=AUDIENCE, purpose=TokenPurpose.OPEN)
        assert (token.statement, token.signature) == (good.statement, good.signature)
        nonces.use(found, 1000, PACKAGE)

    def parse_either(data: bytes) -> None:
        if data[:1] == b"n":
            nonces.use(data[1:], 1000, PACKAGE)
            assert data[1:] == nonce
        else:
            parse(data)

    seeds = (good.SerializeToString(), b"n" + nonce, b"n" + bytes(56))
    return FuzzTarget(parse_either, (DaemonError, DecodeError), seeds, (PACKAGE.encode(),), 2048)
