"""An app's credentials file; one that is accepted can sign, or says that its key is unusable."""

import dataclasses
import json
from pathlib import Path

from client_lib.credentials import CredentialsFile
from client_lib.errors import CredentialsError
from client_lib.identity import new_credentials, sign_token
from insitu.v1.access_pb2 import TokenPurpose
from tests.fuzz.target import FuzzTarget


def target(folder: Path) -> FuzzTarget:
    path = folder / "app.json"
    path.touch(0o600)

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        credentials = CredentialsFile(path).read()
        sign_token(credentials, nonce=b"n", audience="a", purpose=TokenPurpose.OPEN)

    good = json.dumps({"format": 1, **dataclasses.asdict(new_credentials("com.example.app", ("power",)))}).encode()
    seeds = (good, good.replace(b"BEGIN", b"BEGIM"), b"[" * 100_000, b'{"format":' + b"9" * 5000 + b"}", b"null")
    return FuzzTarget(parse, (CredentialsError,), seeds, (b'"format"', b'"private_key_pem"', b"\\u0000", b"null"))
