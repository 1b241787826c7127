"""From a credentials file to a session, and back to one when it is lost."""

import json
import stat
import threading
import traceback
from pathlib import Path

import pytest

from client_lib import (
    AlreadyExists,
    CollectionOptions,
    CredentialsError,
    DaemonNotRunning,
    InvalidArgument,
    Learning,
    NotApproved,
    Unauthenticated,
)
from client_lib.credentials import CredentialsFile
from client_lib.identity import new_credentials
from tests.client.devices import Device, InMemory

PACKAGE = "com.example.keyboard"


def test_first_connection_asks_for_approval_and_says_how(device: Device) -> None:
    credentials = device.new_app(PACKAGE, context=("power",))
    with pytest.raises(NotApproved, match=f"run: insitu app approve {PACKAGE}$") as caught:
        device.connect(credentials, PACKAGE)
    assert caught.value.reason == "NOT_APPROVED"
    with device.owner() as owner:
        (app,) = owner.apps().apps
        assert (app.package, list(app.wished_context)) == (PACKAGE, ["power"])
        from insitu.v1 import control_pb2

        owner.approve_app(control_pb2.ApproveAppRequest(package=PACKAGE))
    with device.connect(credentials, PACKAGE) as learning:
        learning.get_collection_client(CollectionOptions("words"))


def test_wrong_first_steps_are_told_without_what_lies_below(served: InMemory) -> None:
    device = Device(served)
    credentials = device.new_app(PACKAGE)
    told = []
    with pytest.raises(NotApproved) as caught:
        device.connect(credentials, PACKAGE)
    told.append("".join(traceback.format_exception(caught.value)))
    with pytest.raises(NotApproved) as caught:
        device.connect(credentials, PACKAGE)
    told.append("".join(traceback.format_exception(caught.value)))
    served.stop()
    with pytest.raises(DaemonNotRunning) as absent:
        device.connect(credentials, PACKAGE)
    told.append("".join(traceback.format_exception(absent.value)))
    for text in told:
        assert text.count("Traceback") == 1
        assert "grpc._channel" not in text


def test_registers_once_for_each_daemon(served: InMemory) -> None:
    device = Device(served)
    credentials = device.approved_app(PACKAGE)
    for _ in range(3):
        device.connect(credentials, PACKAGE).close()
    assert (served.memory.count("Access/Register"), served.memory.count("Access/Open")) == (1, 3)
    served.memory.become_another_device()
    device.approve(credentials)
    device.connect(credentials, PACKAGE).close()
    assert served.memory.count("Access/Register") == 2
    held = CredentialsFile(credentials).read()
    assert len(held.platform_keys) == 2
    assert "BEGIN CERTIFICATE" in held.certificate_pem
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert [path.name for path in credentials.parent.iterdir()] == [credentials.name]


def test_registers_again_when_the_key_is_no_longer_known(served: InMemory) -> None:
    device = Device(served)
    credentials = device.approved_app(PACKAGE)
    device.connect(credentials, PACKAGE).close()
    served.memory.forget_platform_key(PACKAGE)
    device.connect(credentials, PACKAGE).close()
    assert served.memory.count("Access/Register") == 2


def test_processes_that_start_together_share_one_registration(served: InMemory) -> None:
    device = Device(served)
    credentials = device.approved_app(PACKAGE)
    failures: list[BaseException] = []

    def connect() -> None:
        try:
            device.connect(credentials, PACKAGE).close()
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=connect) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert served.memory.count("Access/Register") == 1


def test_removed_app_has_to_be_approved_again(device: Device) -> None:
    credentials = device.approved_app(PACKAGE)
    with device.connect(credentials, PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        with device.owner() as owner:
            owner.remove_app(PACKAGE)
        with pytest.raises(NotApproved):
            words.stats()
    device.approve(credentials)
    device.connect(credentials, PACKAGE).close()


def test_another_key_for_a_known_package_is_refused(device: Device) -> None:
    device.approved_app(PACKAGE)
    other = device.home / "other.json"
    CredentialsFile(other).create(new_credentials(PACKAGE))
    with pytest.raises((AlreadyExists, Unauthenticated)):
        device.connect(other, PACKAGE)


def test_wrong_api_key_is_refused(device: Device) -> None:
    credentials = device.approved_app(PACKAGE)
    content = json.loads(credentials.read_text())
    content["api_key"] = "guessed"
    credentials.write_text(json.dumps(content))
    with pytest.raises(Unauthenticated):
        device.connect(credentials, PACKAGE)


def test_session_is_renewed_when_the_daemon_forgot_it(served: InMemory) -> None:
    device = Device(served)
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        served.memory.end_sessions()
        assert words.stats().examples == 0
        assert served.memory.count("Access/Open") == 2


def test_one_thread_renews_for_all(served: InMemory) -> None:
    device = Device(served)
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        served.memory.end_sessions()
        threads = [threading.Thread(target=words.stats) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert served.memory.count("Access/Open") == 2


def test_a_session_that_stays_unknown_is_not_renewed_for_ever(served: InMemory) -> None:
    device = Device(served)
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        served.memory.fail("Collections/Stats", Unauthenticated("no"), times=100)
        with pytest.raises(Unauthenticated):
            words.stats()
        assert served.memory.count("Access/Open") == 4


def test_calls_go_on_after_the_daemon_restarts(device: Device) -> None:
    with device.connect(device.approved_app(PACKAGE), PACKAGE) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        assert words.add({"x": 1.0}).result() == 1
        device.daemon.stop()
        with pytest.raises(DaemonNotRunning, match="start it with: insitu daemon run"):
            learning.get_collection_client(CollectionOptions("words"))
        device.daemon.start()
        assert words.stats().examples == 1


def test_without_a_daemon_connecting_fails_at_once(tmp_path: Path) -> None:
    credentials = tmp_path / "insitu.json"
    CredentialsFile(credentials).create(new_credentials(PACKAGE))
    with pytest.raises(DaemonNotRunning, match="insitu daemon run"):
        Learning.connect(package=PACKAGE, credentials=credentials, socket=tmp_path / "no.sock")


def test_closing_ends_the_session(served: InMemory) -> None:
    device = Device(served)
    learning = device.connect(device.approved_app(PACKAGE), PACKAGE)
    assert served.memory.owner.status().open_sessions == 1
    learning.close()
    learning.close()
    assert served.memory.owner.status().open_sessions == 0


def test_package_must_be_the_one_of_the_file(tmp_path: Path) -> None:
    credentials = tmp_path / "insitu.json"
    CredentialsFile(credentials).create(new_credentials(PACKAGE))
    with pytest.raises(InvalidArgument, match=f"belongs to {PACKAGE}"):
        Learning.connect(package="com.example.other", credentials=credentials)


def test_missing_credentials_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="insitu app new PACKAGE --out"):
        Learning.connect(package=PACKAGE, credentials=tmp_path / "none.json")
