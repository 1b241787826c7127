"""What a service manager is told, and the unit that asks for it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from platform_daemon.notify import ServiceManager
from tests.daemon.harness import Daemon

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "insitu.service"


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """A socket as systemd binds it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.settimeout(30)
        yield listening


def told(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@insitu-test-{os.getpid()}"


def test_ready_life_and_the_end_are_told(address: str) -> None:
    async def scenario(listening: socket.socket) -> None:
        service = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())})
        service.ready("serving apps")
        assert told(listening) == ["READY=1", "STATUS=serving apps"]
        assert told(listening) == ["WATCHDOG=1"]
        for _ in range(3):
            assert await asyncio.to_thread(told, listening) == ["WATCHDOG=1"]
        service.stopping()
        while (last := await asyncio.to_thread(told, listening)) == ["WATCHDOG=1"]:
            continue
        assert last[0] == "STOPPING=1"

    with manager(address) as listening:
        asyncio.run(scenario(listening))


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_PID": "1"}]
)
def test_who_is_not_watched_shows_no_signs_of_life(address: str, environ: dict[str, str]) -> None:
    async def scenario(listening: socket.socket) -> None:
        service = ServiceManager({"NOTIFY_SOCKET": address, **environ}, pid=2)
        service.ready("serving apps")
        service.stopping()
        assert [told(listening)[0], told(listening)[0]] == ["READY=1", "STOPPING=1"]

    with manager(address) as listening:
        asyncio.run(scenario(listening))


def test_without_a_manager_nothing_happens() -> None:
    async def scenario() -> None:
        for environ in ({}, {"WATCHDOG_USEC": "1000"}):
            service = ServiceManager(environ)
            service.ready("serving apps")
            assert service._timer is None
            service.stopping()

    asyncio.run(scenario())


def test_a_manager_that_is_gone_is_no_reason_to_fail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("serving apps")

    asyncio.run(scenario())
    assert "cannot be told" in caplog.text


def test_a_real_daemon_is_ready_when_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    daemon = Daemon(tmp_path / "home")
    with manager(address) as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        daemon.launch()
        assert told(listening)[0] == "READY=1"
        with daemon.control() as control:
            assert control.status().version
        assert told(listening) == ["WATCHDOG=1"]
        assert told(listening) == ["WATCHDOG=1"]
        assert daemon.stop() == 0
        while (last := told(listening)) == ["WATCHDOG=1"]:
            continue
        assert last[0] == "STOPPING=1"


def settings() -> dict[str, str]:
    lines = (line.partition("=") for line in UNIT.read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in lines}


def test_the_unit_asks_for_what_the_daemon_does() -> None:
    unit = settings()
    assert (unit["Type"], unit["NotifyAccess"], unit["KillMode"]) == ("notify", "main", "mixed")
    assert float(unit["WatchdogSec"]) >= 10
    assert set(unit["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_NETLINK"}
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["ExecStart"].endswith("/insitud")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}

    def complaints(text: str) -> list[str]:
        unit = tmp_path / UNIT.name
        unit.write_text(text.replace(settings()["ExecStart"], f"{sys.executable} -m platform_daemon"))
        command = ["systemd-analyze", "verify", "--user", "--man=no", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        return [line for line in done.stderr.splitlines() if UNIT.name in line]

    written = UNIT.read_text()
    if not complaints(written.replace("WatchdogSec", "WatchdogSek")):
        pytest.skip("systemd-analyze cannot verify units of users here")
    assert complaints(written) == []
