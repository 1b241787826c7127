"""`insitu data backup` and `insitu data restore`, against a real daemon and without one."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client_lib import CollectionOptions
from insitu_cli.backups import PASSPHRASE_VARIABLE
from insitu_cli.exits import ExitCode
from tests.cli.conftest import Insitu
from tests.client.devices import Device, short_home
from tests.daemon.harness import Daemon, running

PACKAGE = "com.example.keyboard"
PASSPHRASE = "correct horse battery staple"
Restoring = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """With an app that has stored three examples."""
    with short_home() as home, running(home) as daemon:
        monkeypatch.setenv("INSITU_HOME", str(home))
        monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
        with daemon.connect(daemon.new_app(PACKAGE, context=("power",))) as learning:
            words = learning.get_collection_client(CollectionOptions("words"))
            words.add_many([{"x": 1.0}] * 3).result()
        yield daemon


def restoring(*arguments: object, home: Path, expect: ExitCode = ExitCode.OK, input: str = "") -> str:
    """In a process of its own, which gives up the network for good; returns what it printed."""
    command = [sys.executable, "-c", "import insitu_cli; insitu_cli.main()", "data", "restore", *map(str, arguments)]
    environment = {**os.environ, "INSITU_HOME": str(home)}
    done = subprocess.run(
        command, env=environment, input=input, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout if expect is ExitCode.OK else done.stderr


def examples(daemon: Daemon) -> int:
    with daemon.control() as control:
        (app,) = control.data(PACKAGE).apps
        return sum(stats.examples for stats in app.collections)


def test_over_the_same_state(daemon: Daemon, insitu: Insitu) -> None:
    file = daemon.home / "device.backup"
    made = insitu("data", "backup", file)
    assert made.stdout.splitlines()[1] == f"it can be verified with: insitu data restore {file} --check"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with daemon.control() as control:
        control.set_permission(PACKAGE, "power", granted=False)
    assert "stop the daemon" in restoring(file, "--replace", "--yes", home=daemon.home, expect=ExitCode.FAILED)
    daemon.stop()
    assert "add --replace" in restoring(file, "--yes", home=daemon.home, expect=ExitCode.FAILED)
    restoring(file, "--replace", home=daemon.home, input="n\n", expect=ExitCode.FAILED)
    said = restoring(file, "--replace", home=daemon.home, input="y\n")
    assert "stays revoked: com.example.keyboard power.charging" in said
    daemon.start()
    assert examples(daemon) == 3
    with daemon.control() as control:
        assert not [one for one in control.permissions(PACKAGE).permissions if one.features]
        assert control.apps().apps[0].consent


def test_a_disk_that_takes_no_more(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "device.backup"
    command = [sys.executable, "-c", "import insitu_cli; insitu_cli.main()", "data", "backup", str(file)]
    limited = ["prlimit", "--fsize=100", *command]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"Error: {file}: File too large")
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_that_is_no_text(daemon: Daemon, insitu: Insitu, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff" * 20 + b"\n")
    told = insitu(
        "data", "backup", tmp_path / "device.backup", "--passphrase-file", tmp_path / "secret", expect=ExitCode.FAILED
    )
    assert (
        told.stderr
        == f"Error: {tmp_path / 'secret'}: the passphrase is not UTF-8: write it as text, in the first line\n"
    )


def test_what_a_killed_backup_left_goes_with_the_next(daemon: Daemon, insitu: Insitu, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    insitu("data", "backup", tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / f".first.{ended.pid}.part")
    (tmp_path / f".foreign.{ended.pid}.part").write_text("of another program")
    (tmp_path / f".first.{os.getpid()}.part").write_bytes(b"")
    insitu("data", "backup", tmp_path / "second")
    left = {path.name for path in tmp_path.iterdir()}
    # A process of this id runs, if it writes no backup.
    assert left == {"second", f".foreign.{ended.pid}.part", f".first.{os.getpid()}.part"}


def test_on_a_new_device(daemon: Daemon, insitu: Insitu, tmp_path: Path) -> None:
    file = tmp_path / "device.backup"
    shown = json.loads(insitu("data", "backup", file, "--json").stdout)
    assert shown["packages"] == [PACKAGE]
    assert shown["size_bytes"] == file.stat().st_size
    assert insitu("data", "backup", file, expect=ExitCode.FAILED).stderr.startswith(f"Error: {file}: exists already")
    with short_home() as home:
        said = restoring(file, "--yes", home=home)
        assert "insitu consent give PACKAGE" in said
        with running(home) as other:
            assert examples(other) == 3
            with other.control() as control:
                assert not control.apps().apps[0].consent
                control.set_consent(PACKAGE, given=True)
            credentials = daemon.home / f"{PACKAGE}.json"
            with other.connect(credentials) as learning:
                words = learning.get_collection_client(CollectionOptions("words"))
                words.add({"x": 2.0}).result()
                assert words.stats().examples == 4


def test_verifying(daemon: Daemon, insitu: Insitu, tmp_path: Path) -> None:
    file = tmp_path / "device.backup"
    insitu("data", "backup", file)
    assert restoring(file, "--check", home=daemon.home).startswith(f"{file} is whole: the state of 20")
    assert json.loads(restoring(file, "--check", "--json", home=daemon.home))["packages"] == [PACKAGE]
    (tmp_path / "wrong").write_text("wrong horse battery staple\n")
    refused = restoring(
        file, "--check", "--passphrase-file", tmp_path / "wrong", home=daemon.home, expect=ExitCode.FAILED
    )
    assert "the passphrase is not that of this backup" in refused
    whole = restoring(file, "--check", "--passphrase-file", "-", home=daemon.home, input=f"{PASSPHRASE}\nmore\n")
    assert "is whole" in whole
    file.write_bytes(file.read_bytes()[:-1])
    assert "ends too early" in restoring(file, "--check", home=daemon.home, expect=ExitCode.FAILED)


def test_a_short_passphrase_is_refused_before_anything_is_written(
    daemon: Daemon, insitu: Insitu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "short")
    refused = insitu("data", "backup", tmp_path / "device.backup", expect=ExitCode.FAILED)
    assert "12 characters" in refused.stderr
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    asked = insitu("data", "backup", tmp_path / "device.backup", input=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert "Passphrase" in asked.stderr
    assert PASSPHRASE not in asked.output
    assert [path.name for path in tmp_path.iterdir()] == ["device.backup"]


def test_a_failed_backup_leaves_no_file(
    at_home: Device, insitu: Insitu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    at_home.daemon.stop()
    insitu("data", "backup", tmp_path / "device.backup", expect=ExitCode.DAEMON_NOT_RUNNING)
    assert list(tmp_path.iterdir()) == []
