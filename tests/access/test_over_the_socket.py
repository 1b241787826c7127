"""The client library's own handshake, against the real socket."""

import asyncio
import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib.connection import drive
from client_lib.credentials import CredentialsFile
from client_lib.errors import NotApproved, Unauthenticated
from client_lib.grpc_transport import GrpcTransport
from client_lib.handshake import close_session, open_session
from client_lib.identity import new_credentials
from insitu.v1 import access_pb2
from platform_daemon.transport import Access, Listener, MethodTable
from tests.access.simulated_app import PACKAGE, Device, caller


class Daemon:
    """An event loop in a thread of its own, serving Access."""

    def __init__(self, folder: Path) -> None:
        self.device = Device(folder)
        self.path = folder / "insitu.sock"
        table = MethodTable(self.device.sessions.check)
        table.add_service(access_pb2.DESCRIPTOR.services_by_name["Access"], self.device.servicer, Access.PUBLIC)
        self._listener = Listener(self.path, table, mode=0o600)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Daemon":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listener.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._listener.close(grace_s=0.0), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def transport(daemon: Daemon) -> Iterator[GrpcTransport]:
    transport = GrpcTransport(daemon.path)
    yield transport
    transport.close()


@pytest.fixture
def keys(tmp_path: Path) -> CredentialsFile:
    keys = CredentialsFile(tmp_path / "credentials.json")
    keys.create(new_credentials(PACKAGE, ["power"]))
    return keys


def test_an_app_gets_its_session(daemon: Daemon, transport: GrpcTransport, keys: CredentialsFile) -> None:
    with pytest.raises(NotApproved):
        drive(open_session(keys), transport)
    assert daemon.device.apps.get(PACKAGE).wished == ("power",)
    daemon.device.authority.approve(PACKAGE)
    first, second = drive(open_session(keys), transport), drive(open_session(keys), transport)
    uid = os.getuid()
    assert daemon.device.sessions.check(first, caller(uid).peer) == daemon.device.sessions.check(
        second, caller(uid).peer
    )
    drive(close_session(first), transport)
    with pytest.raises(Unauthenticated):
        drive(close_session(first), transport)


def test_a_removed_app_starts_over(daemon: Daemon, transport: GrpcTransport, keys: CredentialsFile) -> None:
    with pytest.raises(NotApproved):
        drive(open_session(keys), transport)
    daemon.device.authority.approve(PACKAGE)
    session = drive(open_session(keys), transport)
    daemon.device.authority.remove(PACKAGE)
    with pytest.raises(Unauthenticated):
        drive(close_session(session), transport)
    with pytest.raises(NotApproved):
        drive(open_session(keys), transport)
    daemon.device.authority.approve(PACKAGE)
    assert drive(open_session(keys), transport)


def test_stolen_credentials_of_another_package_open_nothing(
    daemon: Daemon, transport: GrpcTransport, keys: CredentialsFile
) -> None:
    with pytest.raises(NotApproved):
        drive(open_session(keys), transport)
    daemon.device.authority.approve(PACKAGE)
    stolen = CredentialsFile(keys.path.with_name("other.json"))
    stolen.create(dataclasses.replace(keys.read(), private_key_pem=new_credentials(PACKAGE).private_key_pem))
    with pytest.raises(Unauthenticated) as refused:
        drive(open_session(stolen), transport)
    assert refused.value.reason == "BAD_TOKEN"
