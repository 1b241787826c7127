"""From a stranger to a session, as access.proto has it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from insitu.v1 import access_pb2 as pb
from platform_daemon.access import AppState
from platform_daemon.errors import (
    AlreadyExists,
    DaemonError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unauthenticated,
)
from tests.access.simulated_app import AUDIENCE, PACKAGE, Device, SimulatedApp, caller

Scenario = Callable[[Device, SimulatedApp], Coroutine[Any, Any, None]]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def run(device: Device, scenario: Scenario) -> None:
    asyncio.run(scenario(device, SimulatedApp()))


def test_the_whole_way(device: Device, tmp_path: Path) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        wish = app.approval_request(("power.charging", "network"))
        assert not (await device.servicer.request_approval(wish, caller())).approved
        assert device.apps.get(PACKAGE).state is AppState.REQUESTED
        with pytest.raises(FailedPrecondition) as waiting:
            await app.challenge(device)
        assert waiting.value.reason == "NOT_APPROVED"
        assert "insitu app approve com.example.keyboard" in waiting.value.message
        device.authority.approve(PACKAGE)
        assert (await device.servicer.request_approval(wish, caller())).approved
        challenge = await app.challenge(device)
        assert (challenge.audience, challenge.nonce_lifetime_s) == (AUDIENCE, 60)
        key = await app.register(device)
        session = await app.open(device, key)
        enclave = device.sessions.check(session, caller().peer)
        assert (enclave.package, enclave.uid) == (PACKAGE, 1000)
        record = device.apps.get(PACKAGE)
        assert (record.state, record.wished) == (AppState.REGISTERED, ("network", "power.charging"))
        assert record.last_seen_ms == device.clock.now_ms()
        restarted = Device(tmp_path, device.clock)
        with pytest.raises(Unauthenticated):
            restarted.sessions.check(session, caller().peer)
        assert restarted.sessions.check(await app.open(restarted, key), caller().peer) == enclave

    run(device, scenario)


def test_closing_ends_one_session(device: Device) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        await app.be_approved(device)
        key = await app.register(device)
        first, second = await app.open(device, key), await app.open(device, key)
        with pytest.raises(Unauthenticated):
            await device.servicer.close(pb.CloseRequest(), caller(uid=1001, session=first))
        await device.servicer.close(pb.CloseRequest(), caller(session=first))
        for session in (first, ""):
            with pytest.raises(Unauthenticated):
                await device.servicer.close(pb.CloseRequest(), caller(session=session))
        device.sessions.check(second, caller().peer)

    run(device, scenario)


def test_users_of_one_app_have_enclaves_of_their_own(device: Device) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        await app.be_approved(device)
        other = SimulatedApp(uid=1001, key=app.key, api_key=app.api_key)
        enclaves = []
        for one in (app, other, app):
            session = await one.open(device, await one.register(device))
            enclaves.append(device.sessions.check(session, caller(one.uid).peer))
        assert enclaves[0] == enclaves[2]
        assert {enclave.number for enclave in enclaves} == {1, 2}

    run(device, scenario)


def test_four_platform_keys_are_good_and_older_ones_not(device: Device) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        await app.be_approved(device)
        keys = [await app.register(device) for _ in range(5)]
        assert len(set(keys)) == 5
        for key in keys[1:]:
            await app.open(device, key)
        with pytest.raises(Unauthenticated):
            await app.open(device, keys[0])

    run(device, scenario)


def test_removal_ends_everything_and_leaves_the_enclave_to_be_erased(device: Device, tmp_path: Path) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        await app.be_approved(device)
        key = await app.register(device)
        session = await app.open(device, key)
        old_registration = await app.registration(device)
        (left,) = device.authority.remove(PACKAGE)
        with pytest.raises(Unauthenticated):
            device.sessions.check(session, caller().peer)
        with pytest.raises(NotFound):
            await app.challenge(device)
        assert device.authority.remove(PACKAGE) == (left,)
        assert Device(tmp_path, device.clock).apps.departed() == (left,)
        await app.be_approved(device)
        with pytest.raises(Unauthenticated):
            await app.open(device, key)
        with pytest.raises(Unauthenticated):
            await device.servicer.register(old_registration, caller())
        device.apps.erased(left)
        assert device.apps.departed() == ()
        session = await app.open(device, await app.register(device))
        assert device.sessions.check(session, caller().peer).number > left.number

    run(device, scenario)


def test_enclave_numbers_are_never_reused(device: Device, tmp_path: Path) -> None:
    numbers = []
    for _ in range(3):
        asyncio.run(SimulatedApp().be_approved(device))
        numbers.append(device.apps.enclave(PACKAGE, 1000).number)
        for enclave in device.authority.remove(PACKAGE):
            device.apps.erased(enclave)
        device.database.close()
        device = Device(tmp_path, device.clock)
    assert numbers == sorted(set(numbers))


def test_a_package_belongs_to_its_first_key_until_the_owner_decides(device: Device) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        squatter = SimulatedApp(uid=1001)
        await device.servicer.request_approval(squatter.approval_request(), caller(1001))
        with pytest.raises(AlreadyExists):
            await device.servicer.request_approval(app.approval_request(), caller())
        wish = app.approval_request()
        owned = (PACKAGE, wish.certificate_request_pem, wish.api_key_sha256, (), 1000)
        assert device.authority.approve_request(*owned).state is AppState.APPROVED
        assert device.authority.approve_request(*owned).state is AppState.APPROVED
        await app.register(device)
        with pytest.raises(AlreadyExists):
            await device.servicer.request_approval(squatter.approval_request(), caller(1001))
        theirs = squatter.approval_request()
        with pytest.raises(AlreadyExists):
            device.authority.approve_request(PACKAGE, theirs.certificate_request_pem, theirs.api_key_sha256, (), 1001)

    run(device, scenario)


def test_requests_that_wait_are_limited_by_user_and_in_all(device: Device) -> None:
    async def ask(number: int, uid: int) -> None:
        app = SimulatedApp(f"com.example.app{number}", uid)
        await device.servicer.request_approval(app.approval_request(), caller(uid))

    async def scenario(device: Device, app: SimulatedApp) -> None:
        for number in range(64):
            await ask(number, 1000 + number // 16)
        for uid in (1000, 2000):
            with pytest.raises(ResourceExhausted):
                await ask(64, uid)
        device.authority.approve("com.example.app0")
        await ask(64, 2000)
        with pytest.raises(ResourceExhausted):
            await ask(65, 1001)

    run(device, scenario)


@pytest.mark.parametrize(
    "package", ["", "keyboard", "Com.Example", "com..x", ".com.x", "com.x.", "com.x\n", "com.é", "a." + "b" * 63]
)
def test_package_names_are_reverse_domains(device: Device, package: str) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        with pytest.raises(InvalidArgument, match=r"^package: .*com\.example\.keyboard"):
            await device.servicer.challenge(pb.ChallengeRequest(package=package), caller())

    run(device, scenario)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("certificate_request_pem", ""),
        ("certificate_request_pem", "no pem"),
        ("certificate_request_pem", "x" * 9000),
        ("certificate_request_pem", SimulatedApp().request_pem("com.example.other")),
        ("api_key_sha256", "abc"),
        ("api_key_sha256", "G" * 64),
        ("context", ["power."]),
        ("context", ["power"] * 65),
    ],
)
def test_malformed_requests_name_the_field(device: Device, field: str, value: str | list[str]) -> None:
    async def scenario(device: Device, app: SimulatedApp) -> None:
        request = app.approval_request()
        request.ClearField(field)
        request.MergeFrom(pb.RequestApprovalRequest(**{field: value}))
        with pytest.raises(InvalidArgument) as refused:
            await device.servicer.request_approval(request, caller())
        assert refused.value.field == field

    run(device, scenario)


def test_unknown_packages_and_wrong_secrets_answer_alike(device: Device) -> None:
    async def answer(call: Coroutine[Any, Any, Any]) -> tuple[str, str, str]:
        with pytest.raises(DaemonError) as refused:
            await call
        return refused.value.status, refused.value.reason, refused.value.message

    async def scenario(device: Device, app: SimulatedApp) -> None:
        await app.be_approved(device)
        good = await app.registration(device)
        wrong_key = pb.RegisterRequest.FromString(good.SerializeToString())
        wrong_key.api_key += "x"
        unknown = pb.RegisterRequest.FromString(good.SerializeToString())
        unknown.package = "com.example.unknown"
        register, open_ = device.servicer.register, device.servicer.open
        assert await answer(register(wrong_key, caller())) == await answer(register(unknown, caller()))
        key = await app.register(device)
        wrong = await app.opening(device, key + "x")
        missing = await app.opening(device, "")
        strange = await app.opening(device, key)
        strange.package = "com.example.unknown"
        answers = {await answer(open_(request, caller())) for request in (wrong, missing, strange)}
        assert len(answers) == 1

    run(device, scenario)
