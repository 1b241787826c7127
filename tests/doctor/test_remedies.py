"""On a real device: each trouble that can be made is found, and goes away by doing what the remedy says."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib.credentials import CredentialsFile
from client_lib.identity import new_credentials
from platform_daemon.doctor import Finding, examine, observe
from tests.daemon.harness import SCRIPTED, Daemon

PACKAGE = "com.example.ailing"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Daemon]:
    """Not started."""
    daemon = Daemon(tmp_path / "home")
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait()


def found(device: Daemon, check: str, *credentials: Path) -> list[Finding]:
    snapshot = observe(str(device.home), credentials=credentials, patience_s=2.0)
    return [finding for finding in examine(snapshot) if finding.check == check]


def follow(device: Daemon, remedy: str) -> None:
    """Run the first command of a remedy."""
    command = remedy.removeprefix("run: ").partition(", or ")[0]
    if command.startswith("insitu "):
        command = f'{sys.executable} -c "import insitu_cli; insitu_cli.main()" {command.removeprefix("insitu ")}'
    subprocess.run(command, shell=True, env={**os.environ, "INSITU_HOME": str(device.home)}, check=True, timeout=60)


def test_a_daemon_that_does_not_run(device: Daemon) -> None:
    (trouble,) = found(device, "daemon")
    assert trouble.remedy == "insitu daemon run"
    device.start()
    assert found(device, "daemon") == []
    device.kill()
    (trouble,) = found(device, "daemon")
    assert "a daemon that has died left" in trouble.message
    device.start()
    assert found(device, "daemon") == []


def test_a_daemon_that_hangs(device: Daemon) -> None:
    device.start()
    assert device.process is not None
    device.process.send_signal(signal.SIGSTOP)
    (trouble,) = found(device, "daemon")
    assert f"process {device.process.pid} holds" in trouble.message
    assert trouble.remedy.endswith(f"kill {device.process.pid}")
    device.process.send_signal(signal.SIGCONT)
    assert found(device, "daemon") == []


@pytest.mark.parametrize(
    ("place", "check"), [("state", "folders"), ("run", "folders"), ("state/examples/master.key", "master-key")]
)
def test_what_others_may_read(device: Daemon, place: str, check: str) -> None:
    device.start()
    device.stop()
    (device.home / place).chmod(0o755)
    (trouble,) = found(device, check)
    follow(device, trouble.remedy)
    assert found(device, check) == []
    device.start()


def test_a_socket_that_others_may_reach(device: Daemon) -> None:
    device.start()
    device.socket.chmod(0o666)
    (trouble,) = found(device, "socket")
    follow(device, trouble.remedy)
    assert found(device, "socket") == []


def test_credentials_that_others_may_read(device: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "app's.json"
    (trouble,) = found(device, "credentials", path)
    assert "insitu app new PACKAGE --out" in trouble.remedy
    CredentialsFile(path).create(new_credentials(PACKAGE, ()))
    assert found(device, "credentials", path) == []
    path.chmod(0o644)
    assert "chmod 600" in found(device, "credentials", path)[0].remedy
    path.chmod(0o600)
    assert found(device, "credentials", path) == []


def test_a_configuration_that_cannot_be_used(device: Daemon) -> None:
    file = device.home / "config" / "insitu.toml"
    file.write_text('[daemon]\nlog_level = "loud"\n')
    (trouble,) = found(device, "configuration")
    assert "daemon.log_level must be one of debug, info" in f"{trouble.message} {trouble.remedy}"
    file.write_text('[daemon]\nlog_level = "info"\n')
    assert found(device, "configuration") == []


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    folder, file = Daemon(tmp_path / "home"), tmp_path / "file"
    (folder.home / "config" / "insitu.toml").unlink()
    (folder.home / "config" / "insitu.toml").mkdir()
    file.write_text("no folder")
    for home, why in ((folder.home, "Is a directory"), (file, "Not a directory")):
        (trouble,) = [one for one in examine(observe(str(home))) if one.check == "configuration"]
        assert f"{home}/config/insitu.toml cannot be read ({why})" in trouble.message
        assert trouble.remedy == "make it a file that you may read, or remove it"


def test_an_app_that_waits_and_one_without_consent(device: Daemon) -> None:
    device.start()
    path = device.home / "app.json"
    CredentialsFile(path).create(new_credentials(PACKAGE, ()))
    follow(device, f"insitu app new {PACKAGE} --out {device.home / 'new.json'}")
    (trouble,) = found(device, "app")
    assert "waits for approval" in trouble.message
    follow(device, trouble.remedy)
    (trouble,) = found(device, "app")
    assert "consented" in trouble.message
    follow(device, trouble.remedy)
    assert found(device, "app") == []


def test_conditions_that_nobody_knows(device: Daemon) -> None:
    device.start()
    assert {trouble.message.split(" is ")[-1] for trouble in found(device, "training")} == {"idle", "charging"}
    idle, charging = found(device, "training")
    follow(device, idle.remedy.partition(", or ")[2])
    assert found(device, "training") == [charging]
    device.stop()
    told = charging.remedy.partition("write ")[2].partition(" under [training]")[0]
    assert told == 'assume = ["charging"]'
    (device.home / "config" / "insitu.toml").write_text(f"{SCRIPTED}{told}\n")
    device.start()
    follow(device, idle.remedy.partition(", or ")[2])
    assert found(device, "training") == []


def test_conditions_that_the_daemon_was_told_in_its_own_environment(
    device: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as terminal:
        terminal.setenv("INSITU_TRAINING_ASSUME", '["idle", "charging"]')
        device.start()
    assert found(device, "training") == []


def test_a_context_that_nobody_has_set(device: Daemon) -> None:
    device.start()
    before = found(device, "context")
    assert [trouble.remedy.split()[3] for trouble in before] == ["power", "network", "activity"]
    follow(device, "insitu context set power charging=yes")
    assert found(device, "context") == before[1:]


def test_a_plug_in_that_does_not_load(device: Daemon, tmp_path: Path) -> None:
    installed = tmp_path / "plugins" / "broken-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[insitu.context_sources]\nweather = no_such_module:Plugin\n")

    def told() -> list[str]:
        command = [sys.executable, "-c", "import insitu_cli; insitu_cli.main()", "doctor", "--json"]
        environment = {**os.environ, "INSITU_HOME": str(device.home), "PYTHONPATH": str(installed.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done.stderr
        return [finding["message"] for finding in json.loads(done.stdout) if finding["check"] == "plugin"]

    assert told() == [
        "the context source 'weather' does not load (ModuleNotFoundError), and the daemon does not start with it"
    ]
    for file in installed.iterdir():
        file.unlink()
    installed.rmdir()
    assert told() == []


def test_what_the_owner_sees_and_the_exit_code(device: Daemon) -> None:
    def doctor() -> tuple[int, list[str]]:
        command = [sys.executable, "-c", "import insitu_cli; insitu_cli.main()", "doctor", "--home", str(device.home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout.splitlines()

    code, lines = doctor()
    assert code == 1
    assert lines[0] == "problem: no daemon runs; insitu daemon run"
    assert lines[-1].startswith("1 problem, ")
    device.start()
    device.idle_and_charging()
    code, lines = doctor()
    assert code == 0
    assert lines[-1].startswith("0 problems, ")
    assert any(line.startswith("notice: network is unknown") for line in lines)
