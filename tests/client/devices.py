"""Devices to run the client's tests against. A device is a home folder with a daemon that serves it.

Tests act as apps and as the device's owner through the two sockets alone, so that any daemon serves them.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from client_lib import Learning, testing
from client_lib.control import ControlClient
from client_lib.credentials import CredentialsFile
from client_lib.identity import new_credentials
from insitu.v1 import control_pb2


class Daemon(Protocol):
    home: Path
    socket: Path

    def start(self) -> object: ...

    def stop(self) -> object:
        """Stop and forget sessions; `start` again serves the same home."""
        ...


@dataclass
class Device:
    """A running daemon and its owner."""

    daemon: Daemon

    @property
    def home(self) -> Path:
        return self.daemon.home

    @contextmanager
    def owner(self) -> Iterator[ControlClient]:
        with ControlClient.connect(self.daemon.socket.with_name("control.sock")) as control:
            yield control

    def new_app(self, package: str, context: tuple[str, ...] = ()) -> Path:
        """Credentials of an app that nobody has heard of."""
        path = self.home / "apps" / f"{package}.json"
        CredentialsFile(path).create(new_credentials(package, context))
        return path

    def approved_app(self, package: str, *, consent: bool = True) -> Path:
        """Credentials of an app that the owner approved from its file."""
        path = self.new_app(package)
        self.approve(path, consent=consent)
        return path

    def approve(self, credentials: Path, *, consent: bool = True) -> None:
        from client_lib.identity import hashed_api_key

        held = CredentialsFile(credentials).read()
        with self.owner() as owner:
            owner.approve_app(
                control_pb2.ApproveAppRequest(
                    package=held.package,
                    certificate_request_pem=held.certificate_request_pem,
                    api_key_sha256=hashed_api_key(held),
                    context=held.context,
                )
            )
            if consent:
                owner.set_consent(held.package, given=True)

    def connect(self, credentials: Path, package: str) -> Learning:
        return Learning.connect(package=package, credentials=credentials, socket=self.daemon.socket)


@contextmanager
def short_home() -> Iterator[Path]:
    """A home in a folder with a short name: socket paths end at 107 bytes."""
    home = Path(tempfile.mkdtemp(prefix="insitu-"))
    try:
        yield home
    finally:
        shutil.rmtree(home)


class InMemory:
    """A device in memory that serves a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "run" / "insitu.sock"
        self.memory = testing.Device(now=datetime.now(UTC))
        self.memory.serve(home)

    def start(self) -> None:
        self.memory.start()

    def stop(self) -> None:
        self.memory.stop()


@contextmanager
def in_memory() -> Iterator[InMemory]:
    with short_home() as home:
        daemon = InMemory(home)
        with daemon.memory:
            yield daemon


@contextmanager
def real() -> Iterator[Daemon]:
    from tests.daemon.harness import running

    with short_home() as home, running(home) as daemon:
        yield daemon


DAEMONS: dict[str, Callable[[], AbstractContextManager[Daemon]]] = {"memory": in_memory, "real": real}
"""Every daemon that the shared tests run against."""
CHOSEN = os.environ.get("INSITU_TEST_DAEMONS", "memory,real").split(",")
