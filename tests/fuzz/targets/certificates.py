"""Certificate requests and certificates that strangers hand in. Nothing but an own certificate verifies."""

from pathlib import Path

from client_lib.identity import new_credentials
from platform_daemon.access import Issuer
from platform_daemon.access.certificates import read_request, same_certificate
from platform_daemon.errors import InvalidArgument, Unauthenticated
from tests.fuzz.target import FuzzTarget

PACKAGE = "com.example.app"


def target(folder: Path) -> FuzzTarget:
    issuer = Issuer.provision(folder)
    request = new_credentials(PACKAGE, ()).certificate_request_pem
    certificate = issuer.certify(read_request(request, PACKAGE))

    def parse(data: bytes) -> None:
        # As a protobuf string is: any valid UTF-8.
        text = data[1:].decode("utf-8", "replace")
        if data[:1] == b"r":
            read_request(text, PACKAGE)
        else:
            same_certificate(text, certificate)
            issuer.verify(text, PACKAGE)

    seeds = (b"r" + request.encode(), b"c" + certificate.encode(), b"c" + request.encode())
    words = (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"MII", b"=")
    return FuzzTarget(parse, (InvalidArgument, Unauthenticated), seeds, words)
