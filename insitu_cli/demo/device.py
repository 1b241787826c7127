"""A device of its own for the demonstration: a daemon in a temporary home, and the owner's hand on it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from client_lib import InsituError, Learning, NotApproved, Unavailable
from client_lib.control import ControlClient
from client_lib.credentials import CredentialsFile
from client_lib.encoding import Features, encode
from client_lib.identity import new_credentials
from client_lib.locations import locate
from insitu.v1.control_pb2 import ApproveAppRequest

CONFIGURATION = """\
[training]
poll_interval_s = 0.2

[context]
scripted = true
"""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class DemoFailed(InsituError):
    """The device did not do what the story needs; the message says what, and shows the daemon's last words."""


class Device:
    """Starts the daemon at once; `await_ready` before use. On exit nothing is left."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="insitu-demo-"))
        self.locations = locate(self.home)
        self.idle = self.charging = False
        self._log = self.home / "daemon.log"
        self.locations.config.mkdir()
        self.locations.config_file.write_text(CONFIGURATION)
        command = [sys.executable, "-m", "platform_daemon", "--home", str(self.home)]
        # What configures the user's own daemon is not meant for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("INSITU_")}
        with self._log.open("wb") as log:
            self._daemon = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.control = ControlClient.connect(self.locations.control_socket)

    def await_ready(self) -> int:
        """Returns the daemon's process id. Raises DemoFailed where it does not answer in time."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s and self._daemon.poll() is None:
            try:
                return self.control.status().pid
            except Unavailable:
                time.sleep(0.05)
        raise self.failure("the daemon did not start")

    def credentials(self, package: str) -> Path:
        return self.home / f"{package}.json"

    def install(self, package: str, context: tuple[str, ...], granted: tuple[str, ...]) -> None:
        """What `insitu app new`, the app's first start, and the device's owner do."""
        credentials = self.credentials(package)
        CredentialsFile(credentials).create(new_credentials(package, context))
        with suppress(NotApproved):
            Learning.connect(package=package, credentials=credentials, socket=self.locations.socket)
        self.control.approve_app(ApproveAppRequest(package=package))
        self.control.set_consent(package, given=True)
        for context_type in granted:
            self.control.set_permission(package, context_type, granted=True)

    def become(self, *, idle: bool, charging: bool) -> None:
        """Script what the device's sensors say."""
        self.idle, self.charging = idle, charging
        sensors: dict[str, Features] = {
            "activity": {"user_idle": idle},
            "power": {"charging": charging, "on_battery": not charging, "battery_level": 0.62},
            "network": {"connected": True, "metered": False},
        }
        for context_type, values in sensors.items():
            self.control.set_scripted_context(context_type, encode(values).features)

    def failure(self, what: str) -> DemoFailed:
        words = self._log.read_text(errors="replace").strip().splitlines()[-15:]
        return DemoFailed("\n".join([f"{what}; the daemon's log ends with:", *words]))

    def close(self) -> None:
        """Stop the daemon and remove its home. Repeatable."""
        self.control.close()
        self._daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._daemon.wait(STOP_TIMEOUT_S)
        self._daemon.kill()
        self._daemon.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> "Device":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
