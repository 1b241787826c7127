"""K12: tokens that are replayed, expired, forged, another's, or altered open nothing."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.clock import ManualClock
from insitu.v1 import access_pb2 as pb
from platform_daemon.access.nonces import LIFETIME_S, Nonces
from platform_daemon.errors import ResourceExhausted, Unauthenticated
from tests.access.simulated_app import PACKAGE, Device, SimulatedApp, caller

OPEN = pb.TokenPurpose.OPEN
REGISTER = pb.TokenPurpose.REGISTER


class Registered:
    """A device with a registered app, and another app beside it."""

    def __init__(self, folder: Path) -> None:
        self.device = Device(folder)
        self.app = SimulatedApp()
        self.other = SimulatedApp("com.example.other")
        self.key = asyncio.run(self._prepare())

    async def _prepare(self) -> str:
        await self.app.be_approved(self.device)
        await self.other.be_approved(self.device)
        return await self.app.register(self.device)

    def nonce(self, app: SimulatedApp | None = None) -> bytes:
        return asyncio.run((app or self.app).challenge(self.device)).nonce

    def open(self, token: pb.PackageToken, *, uid: int = 1000, package: str = PACKAGE, key: str | None = None) -> str:
        request = pb.OpenRequest(package=package, platform_key=self.key if key is None else key, token=token)
        return asyncio.run(self.device.servicer.open(request, caller(uid))).session

    def register(self, token: pb.PackageToken, *, uid: int = 1000) -> str:
        app = self.device.apps.get(PACKAGE)
        request = pb.RegisterRequest(
            package=PACKAGE, api_key=self.app.api_key, certificate_pem=app.certificate_pem, token=token
        )
        return asyncio.run(self.device.servicer.register(request, caller(uid))).platform_key

    @contextmanager
    def refused(self, reason: str) -> Iterator[None]:
        before = len(self.device.sessions)
        with pytest.raises(Unauthenticated) as refused:
            yield
        assert refused.value.reason == reason
        assert len(self.device.sessions) == before


@pytest.fixture
def registered(tmp_path: Path) -> Registered:
    return Registered(tmp_path)


@pytest.fixture(scope="module")
def shared() -> Iterator[Registered]:
    with tempfile.TemporaryDirectory() as folder:
        yield Registered(Path(folder))


def test_a_token_works_once(registered: Registered) -> None:
    token = registered.app.token(registered.nonce(), OPEN)
    assert registered.open(token)
    with registered.refused("NONCE_USED"):
        registered.open(token)
    again = registered.app.token(token_nonce(token), OPEN, purpose=REGISTER)
    with registered.refused("NONCE_USED"):
        registered.register(again)


def token_nonce(token: pb.PackageToken) -> bytes:
    return pb.TokenStatement.FromString(token.statement).nonce


def test_a_token_expires_on_a_clock_that_nobody_sets(registered: Registered) -> None:
    clock = registered.device.clock
    token = registered.app.token(registered.nonce(), OPEN)
    clock.advance(LIFETIME_S)
    clock.jump(-10 * LIFETIME_S)
    with registered.refused("NONCE_EXPIRED"):
        registered.open(token)
    late = registered.app.token(registered.nonce(), OPEN)
    clock.advance(LIFETIME_S - 0.01)
    clock.jump(10**9)
    assert registered.open(late)


def test_a_used_nonce_is_remembered_for_as_long_as_it_would_work(registered: Registered) -> None:
    token = registered.app.token(registered.nonce(), OPEN)
    registered.open(token)
    for _ in range(5):
        registered.device.clock.advance(LIFETIME_S / 6)
        with registered.refused("NONCE_USED"):
            registered.open(token)
        registered.open(registered.app.token(registered.nonce(), OPEN))
    registered.device.clock.advance(LIFETIME_S / 6)
    with registered.refused("NONCE_EXPIRED"):
        registered.open(token)


def test_another_users_nonce_token_or_key_opens_nothing(registered: Registered) -> None:
    stranger = SimulatedApp(uid=1001, key=registered.app.key, api_key=registered.app.api_key)
    key_of_stranger = asyncio.run(stranger.register(registered.device))
    token = registered.app.token(registered.nonce(), OPEN)
    with registered.refused("NOT_VERIFIED"):
        registered.open(token, uid=1001)
    with registered.refused("BAD_NONCE"):
        registered.open(token, uid=1001, key=key_of_stranger)
    with registered.refused("BAD_NONCE"):
        registered.open(registered.app.token(registered.nonce(stranger), OPEN))
    with registered.refused("NOT_VERIFIED"):
        registered.open(token, key=key_of_stranger)
    with registered.refused("BAD_NONCE"):
        registered.register(registered.app.token(registered.nonce(), REGISTER), uid=1001)
    assert registered.open(token), "failures by others spend nothing"


@pytest.mark.parametrize("purpose", [OPEN, REGISTER])
@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "device-2"},
        {"audience": ""},
        {"package": "com.example.other"},
        {"purpose": pb.TokenPurpose.TOKEN_PURPOSE_UNSPECIFIED},
        {"purpose": 7},
        {"purpose": "the other"},
    ],
)
def test_another_audience_package_or_purpose_opens_nothing(
    registered: Registered, purpose: pb.TokenPurpose, changes: dict[str, object]
) -> None:
    if changes.get("purpose") == "the other":
        changes = {"purpose": REGISTER if purpose == OPEN else OPEN}
    token = registered.app.token(registered.nonce(), purpose, **changes)
    with registered.refused("BAD_TOKEN"):
        (registered.open if purpose == OPEN else registered.register)(token)


def test_another_apps_key_nonce_or_identity_opens_nothing(registered: Registered) -> None:
    forged = registered.other.sign(registered.app.token(registered.nonce(), OPEN).statement)
    with registered.refused("BAD_TOKEN"):
        registered.open(forged)
    with registered.refused("BAD_NONCE"):
        registered.open(registered.app.token(registered.nonce(registered.other), OPEN))
    with registered.refused("NOT_VERIFIED"):
        registered.open(registered.other.token(registered.nonce(registered.other), OPEN), package="com.example.other")


def test_another_daemons_nonce_opens_nothing(registered: Registered) -> None:
    elsewhere = Nonces(registered.device.clock)
    with registered.refused("BAD_NONCE"):
        registered.open(registered.app.token(elsewhere.issue(1000, PACKAGE), OPEN))


def test_another_authoritys_certificate_registers_nothing(
    registered: Registered, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = Device(tmp_path_factory.mktemp("elsewhere"))
    asyncio.run(registered.app.be_approved(elsewhere))
    foreign = elsewhere.apps.get(PACKAGE).certificate_pem
    others = registered.device.apps.get("com.example.other").certificate_pem
    for certificate in (foreign, others):
        request = asyncio.run(registered.app.registration(registered.device))
        request.certificate_pem = certificate
        with registered.refused("NOT_VERIFIED"):
            asyncio.run(registered.device.servicer.register(request, caller()))


mutations = st.one_of(
    st.tuples(st.just("flip"), st.sampled_from(["statement", "signature"]), st.integers(0, 10**6), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.sampled_from(["statement", "signature"]), st.integers(1, 10**6), st.just(0)),
    st.tuples(st.just("grow"), st.sampled_from(["statement", "signature"]), st.integers(1, 2000), st.integers(0, 255)),
)


def mutate(token: pb.PackageToken, kind: str, part: str, number: int, byte: int) -> pb.PackageToken:
    """A token that differs from `token`."""
    raw = bytearray(getattr(token, part))
    match kind:
        case "flip":
            raw[number % len(raw)] ^= byte
        case "cut":
            del raw[-(number % len(raw) + 1) :]
        case "grow":
            raw += bytes((byte,)) * number
    mutated = pb.PackageToken.FromString(token.SerializeToString())
    setattr(mutated, part, bytes(raw))
    return mutated


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(mutations, min_size=1, max_size=3))
def test_altered_tokens_open_nothing_and_spend_nothing(
    shared: Registered, changes: list[tuple[str, str, int, int]]
) -> None:
    token = shared.app.token(shared.nonce(), OPEN)
    altered = token
    for change in changes:
        altered = mutate(altered, *change) if getattr(altered, change[1]) else altered
    if altered != token:
        with shared.refused("BAD_TOKEN"):
            shared.open(altered)
    assert shared.open(token)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=120), st.integers(0, 10**6), st.integers(1, 255))
def test_made_up_nonces_open_nothing(shared: Registered, nonce: bytes, place: int, byte: int) -> None:
    with shared.refused("BAD_NONCE"):
        shared.open(shared.app.token(nonce, OPEN))
    altered = bytearray(shared.nonce())
    altered[place % len(altered)] ^= byte
    with shared.refused("BAD_NONCE"):
        shared.open(shared.app.token(bytes(altered), OPEN))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_signed_rubbish_is_no_statement(shared: Registered, statement: bytes) -> None:
    with shared.refused("BAD_TOKEN"):
        shared.open(shared.app.sign(statement))


def test_the_uses_of_one_app_are_bounded_and_harm_no_other() -> None:
    clock = ManualClock()
    nonces = Nonces(clock, uses_limit=3)
    for _ in range(3):
        nonces.use(nonces.issue(1, "a.b"), 1, "a.b")
    with pytest.raises(ResourceExhausted):
        nonces.use(nonces.issue(1, "a.b"), 1, "a.b")
    nonces.use(nonces.issue(2, "a.b"), 2, "a.b")
    clock.advance(LIFETIME_S)
    nonces.use(nonces.issue(1, "a.b"), 1, "a.b")
