"""A real daemon in a folder of its own, and apps on it, for tests that go through the public interfaces."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from client_lib import InsituError, Learning
from client_lib.control import ControlClient
from client_lib.credentials import CredentialsFile
from client_lib.identity import hashed_api_key, new_credentials
from context import ContextRegistry, SystemClock
from insitu.v1.control_pb2 import ApproveAppRequest
from insitu.v1.example_pb2 import Features
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place, Scan

START_TIMEOUT_S = 60.0
SCRIPTED = "[context]\nscripted = true\n[training]\npoll_interval_s = 0.1\n"


class Daemon:
    """`insitu daemon run` as a subprocess. Start it again after a kill: the folder stays."""

    def __init__(self, home: Path, configuration: str = SCRIPTED) -> None:
        self.home = home
        self.socket = home / "run" / "insitu.sock"
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "insitu.toml").write_text(configuration)
        self.process: subprocess.Popen[bytes] | None = None
        self.command = [sys.executable]
        """What starts the interpreter, e.g. under a tracer that leaves the process id to it."""
        self.log = home / "daemon.log"

    def start(self) -> "Daemon":
        self.launch()
        self.wait_until_it_answers()
        return self

    def launch(self) -> None:
        """Start the process, and wait for nothing."""
        with self.log.open("ab") as log:
            command = [*self.command, "-m", "platform_daemon", "--home", str(self.home)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.terminate()
        return self.process.wait(timeout=30)

    def control(self) -> ControlClient:
        return ControlClient.connect(self.socket.with_name("control.sock"))

    def new_app(self, package: str, *, context: tuple[str, ...] = (), consent: bool = True) -> Path:
        """Credentials of an app that is approved and, unless said otherwise, consented to."""
        path = self.home / f"{package}.json"
        credentials = new_credentials(package, context)
        CredentialsFile(path).create(credentials)
        request = ApproveAppRequest(
            package=package,
            certificate_request_pem=credentials.certificate_request_pem,
            api_key_sha256=hashed_api_key(credentials),
            context=context,
        )
        with self.control() as control:
            control.approve_app(request)
            if consent:
                control.set_consent(package, given=True)
            for scope in context:
                control.set_permission(package, scope, granted=True)
        return path

    def app(self, package: str) -> Path:
        """Credentials of an app, made if it is the first time."""
        path = self.home / f"{package}.json"
        return path if path.exists() else self.new_app(package)

    def stored_context(self, package: str, collection: str) -> dict[str, set[str]]:
        """Names of the context features that lie in the store, by type. Nobody but the primary can read them, so the
        daemon is stopped meanwhile."""
        self.stop()
        place = self.place(package, collection)
        store = LevelDBStore.open(self.home / "state" / "examples", SystemClock())
        try:
            types = frozenset(spec.name for spec in ContextRegistry())
            found: dict[str, set[str]] = {}
            for entry in store.scan(Scan(place, context_types=types)):
                for context_type, blob in entry.context.items():
                    found.setdefault(context_type, set()).update(Features.FromString(blob).feature)
        finally:
            store.close()
        self.start()
        return found

    def place(self, package: str, collection: str) -> Place:
        """Where the store has an app's collection."""
        with sqlite3.connect(self.home / "state" / "state.db") as connection:
            query = (
                "SELECT enclave, collections.number FROM collections JOIN enclaves ON enclaves.number = enclave"
                " WHERE package = ? AND name = ?"
            )
            return Place(*connection.execute(query, (package, collection)).fetchone())

    def connect(self, credentials: Path) -> Learning:
        return Learning.connect(package=credentials.stem, credentials=credentials, socket=self.socket)

    def set_context(self, type: str, **values: int) -> None:
        features = Features()
        for name, value in values.items():
            features.feature[name].int64_list.value.append(value)
        with self.control() as control:
            control.set_scripted_context(type, features)

    def idle_and_charging(self, idle: bool = True) -> None:
        self.set_context("activity", user_idle=int(idle))
        self.set_context("power", charging=int(idle), on_battery=int(not idle))

    def wait_until_it_answers(self) -> None:
        assert self.process is not None
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended: {self.log.read_text()}")
            try:
                with self.control() as control:
                    control.status()
                    return
            except InsituError:
                time.sleep(0.02)
        raise AssertionError(f"the daemon does not answer: {self.log.read_text()}")


def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for what another process brings about."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


@contextmanager
def running(home: Path, configuration: str = SCRIPTED) -> Iterator[Daemon]:
    daemon = Daemon(home, configuration).start()
    try:
        yield daemon
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()
