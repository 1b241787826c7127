"""K12 over the real socket: whoever does not prove here and now who they are is UNAUTHENTICATED, every time."""

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from client_lib import CollectionOptions, NotApproved, Unauthenticated
from client_lib.collection import LIST
from client_lib.connection import drive
from client_lib.credentials import Credentials, CredentialsFile
from client_lib.grpc_transport import GrpcTransport
from client_lib.handshake import CHALLENGE, OPEN, REGISTER, open_session
from client_lib.identity import new_credentials, sign_token
from insitu.v1.access_pb2 import ChallengeRequest, OpenRequest, PackageToken, RegisterRequest, TokenPurpose
from insitu.v1.collection_pb2 import ListCollectionsRequest
from tests.daemon.harness import Daemon, running
from tests.faults.access_device import TRANSPORTS

pytestmark = pytest.mark.faults

PACKAGE, OTHER = "com.example.honest", "com.example.other"


class Attacker:
    """Has an app's whole credentials, and a transport to call with."""

    def __init__(self, daemon: Daemon, package: str, transport: str = "grpc") -> None:
        self.keys = CredentialsFile(daemon.app(package))
        self.transport = TRANSPORTS[transport](daemon.socket)
        self.session = drive(open_session(self.keys), self.transport)

    @property
    def credentials(self) -> Credentials:
        return self.keys.read()

    @property
    def platform_key(self) -> str:
        return next(iter(self.credentials.platform_keys.values()))

    def challenge(self, package: str = "") -> tuple[bytes, str]:
        request = ChallengeRequest(package=package or self.credentials.package)
        answer = self.transport.call(CHALLENGE, request, session="", timeout_s=10)
        return answer.nonce, answer.audience

    def token(self, purpose: TokenPurpose = TokenPurpose.OPEN, **changes: object) -> PackageToken:
        nonce, audience = self.challenge()
        signer = self.credentials
        if "package" in changes:
            signer = dataclasses.replace(signer, package=changes.pop("package"))  # type: ignore[arg-type]
        values = {"nonce": nonce, "audience": audience, "purpose": purpose} | changes
        return sign_token(signer, **values)  # type: ignore[arg-type]

    def open(self, token: PackageToken, platform_key: str = "", package: str = "") -> str:
        request = OpenRequest(
            package=package or self.credentials.package, platform_key=platform_key or self.platform_key, token=token
        )
        return self.transport.call(OPEN, request, session="", timeout_s=10).session

    def register(self, token: PackageToken, api_key: str = "", certificate_pem: str = "") -> str:
        request = RegisterRequest(
            package=self.credentials.package,
            api_key=api_key or self.credentials.api_key,
            certificate_pem=certificate_pem or self.credentials.certificate_pem,
            token=token,
        )
        return self.transport.call(REGISTER, request, session="", timeout_s=10).platform_key

    def list(self, session: str) -> None:
        self.transport.call(LIST, ListCollectionsRequest(), session=session, timeout_s=10)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("t")) as started:
        yield started


@pytest.fixture(scope="module")
def other(daemon: Daemon) -> Attacker:
    return Attacker(daemon, OTHER)


@pytest.fixture(params=list(TRANSPORTS))
def attacker(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Attacker]:
    one = Attacker(daemon, PACKAGE, request.param)
    yield one
    one.transport.close()


def forged(token: PackageToken) -> PackageToken:
    return PackageToken(statement=token.statement, signature=token.signature[:-1] + bytes([token.signature[-1] ^ 1]))


def extended(token: PackageToken) -> PackageToken:
    return PackageToken(statement=token.statement + b"\x20\x01", signature=token.signature)


def test_the_honest_way_works(attacker: Attacker) -> None:
    attacker.list(attacker.open(attacker.token()))
    attacker.open(attacker.token(), attacker.register(attacker.token(TokenPurpose.REGISTER)))


OPENINGS: dict[str, Callable[[Attacker, Attacker], object]] = {
    "forged": lambda app, other: app.open(forged(app.token())),
    "extended": lambda app, other: app.open(extended(app.token())),
    "empty": lambda app, other: app.open(PackageToken()),
    "another audience": lambda app, other: app.open(app.token(audience="another-daemon")),
    "another purpose": lambda app, other: app.open(app.token(TokenPurpose.REGISTER)),
    "another package": lambda app, other: app.open(app.token(package=OTHER)),
    "another app's token": lambda app, other: app.open(other.token()),
    "another app's nonce": lambda app, other: app.open(app.token(nonce=other.challenge()[0])),
    "made-up nonce": lambda app, other: app.open(app.token(nonce=bytes(56))),
    "another app's platform key": lambda app, other: app.open(app.token(), other.platform_key),
    "made-up platform key": lambda app, other: app.open(app.token(), "x" * 43),
    "another app's name": lambda app, other: app.open(app.token(), package=OTHER),
    "registration with a token to open": lambda app, other: app.register(app.token()),
    "registration with another API key": lambda app, other: app.register(
        app.token(TokenPurpose.REGISTER), api_key="x" * 43
    ),
    "registration with another certificate": lambda app, other: app.register(
        app.token(TokenPurpose.REGISTER), certificate_pem=other.credentials.certificate_pem
    ),
    "made-up session": lambda app, other: app.list("x" * 43),
    "no session": lambda app, other: app.list(""),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_is_refused(attacker: Attacker, other: Attacker, name: str) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            OPENINGS[name](attacker, other)


def test_a_token_is_good_for_once(attacker: Attacker) -> None:
    token = attacker.token()
    attacker.open(token)
    for _ in range(3):
        with pytest.raises(Unauthenticated) as refused:
            attacker.open(token)
        assert refused.value.reason == "NONCE_USED"


def test_another_key_pair_is_another_app(attacker: Attacker) -> None:
    stolen = dataclasses.replace(attacker.credentials, private_key_pem=new_credentials(PACKAGE).private_key_pem)
    nonce, audience = attacker.challenge()
    with pytest.raises(Unauthenticated):
        attacker.open(sign_token(stolen, audience=audience, nonce=nonce, purpose=TokenPurpose.OPEN))


def test_a_closed_session_is_over(daemon: Daemon, attacker: Attacker) -> None:
    with daemon.connect(daemon.app(PACKAGE)) as learning:
        session = learning._connection.session
        attacker.list(session)
    with pytest.raises(Unauthenticated):
        attacker.list(session)


def test_the_private_endpoint_serves_nobody_directly(daemon: Daemon, attacker: Attacker) -> None:
    endpoint = Path(f"{daemon.socket}.d/g")
    assert endpoint.is_socket()
    channel = grpc.insecure_channel(f"unix:{endpoint}")
    for method, request in ((LIST, ListCollectionsRequest()), (CHALLENGE, ChallengeRequest(package=PACKAGE))):
        call = channel.unary_unary(method.path)
        with pytest.raises(grpc.RpcError) as refused:
            call(request.SerializeToString(), metadata=(("insitu-session", attacker.session),), timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    channel.close()


def test_nobody_takes_a_name_that_the_acceptor_minted(daemon: Daemon, attacker: Attacker) -> None:
    """The kernel shows the names of bound sockets to all, and gives each to one socket only."""
    attacker.list(attacker.session)
    names = [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines() if "@insitu-uid" in line]
    assert names
    for name in names:
        thief = socket.socket(socket.AF_UNIX)
        with thief, pytest.raises(OSError, match="in use"):
            thief.bind("\0" + name.removeprefix("@"))


def test_control_methods_are_not_on_the_apps_socket(attacker: Attacker) -> None:
    channel = grpc.insecure_channel(f"unix:{attacker.transport._socket}")
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/insitu.v1.Control/GetStatus")(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    channel.close()


@pytest.mark.parametrize("kill", [False, True])
def test_nothing_from_before_a_restart_is_good_after_it(tmp_path: Path, kill: bool) -> None:
    with running(tmp_path) as daemon:
        attacker = Attacker(daemon, PACKAGE)
        token, session = attacker.token(), attacker.session
        if kill:
            daemon.kill()
        else:
            daemon.stop()
        daemon.start()
        attacker.transport.close()
        attacker.transport = GrpcTransport(daemon.socket)
        with pytest.raises(Unauthenticated):
            attacker.list(session)
        with pytest.raises(Unauthenticated):
            attacker.open(token)
        attacker.list(attacker.open(attacker.token()))
        attacker.transport.close()


def test_nothing_of_a_removed_app_is_good(daemon: Daemon) -> None:
    package = "com.example.removed"
    attacker = Attacker(daemon, package)
    token, key = attacker.token(), attacker.platform_key
    register = attacker.token(TokenPurpose.REGISTER)
    with daemon.connect(attacker.keys.path) as learning, daemon.control() as control:
        words = learning.get_collection_client(CollectionOptions("words"))
        control.remove_app(package)
        for attempt in (
            lambda: attacker.list(attacker.session),
            lambda: attacker.open(token, key),
            lambda: attacker.register(register),
        ):
            with pytest.raises(Unauthenticated):
                attempt()
        with pytest.raises(NotApproved):
            words.stats()
        with pytest.raises(NotApproved):
            words.add({"x": 1.0}).result()
        control.remove_app(package)  # The request that the client has handed in by itself.
    attacker.transport.close()
