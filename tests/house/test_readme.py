"""README's first app and what else it shows, done as README says: its commands, its programs, nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client_lib import InsituError
from client_lib.control import ControlClient
from tests.daemon.harness import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAX_PROGRAM_LINES = 25


def block(marker: str) -> str:
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, marker
    return found[1]


def answers(socket: Path) -> bool:
    try:
        with ControlClient.connect(socket) as control:
            return control.status().pid > 0
    except InsituError:
        return False


@dataclass(frozen=True)
class Reader:
    """Who has followed README: a daemon runs, the app is approved, its plans are built, all in one folder."""

    folder: Path
    environment: dict[str, str]

    def run(self, program: str) -> str:
        """What a program prints that runs there."""
        return self._done([sys.executable, program])

    def follow(self, commands: str) -> str:
        return self._done(["bash", "-ec", commands])

    def _done(self, command: list[str]) -> str:
        run = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    reader = Reader(folder, {**os.environ, "INSITU_HOME": str(folder / "home"), "PATH": path})
    command = ["bash", "-c", f"exec env {block('commands: daemon')}"]
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(command, env=reader.environment, cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(folder / "home" / "run" / "control.sock"), timeout_s=60)
        reader.follow(block("commands: setup"))
        yield reader
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


@pytest.mark.parametrize("name", ["first_app.py", "first_app_async.py"])
def test_the_first_app_learns(reader: Reader, name: str) -> None:
    program = (ROOT / "examples" / name).read_text()
    assert len([line for line in program.splitlines() if line.strip()]) <= MAX_PROGRAM_LINES
    (reader.folder / name).write_text(program)
    before, after = (float(found) for found in re.findall(r"right \w+: +([0-9.]+)", reader.run(name)))
    assert after > before + 0.1


def test_the_first_app_is_the_one_that_is_printed() -> None:
    assert (ROOT / "examples" / "first_app.py").read_text() == block("program: first_app.py")


def test_the_examples_of_an_apps_own_tests_pass(tmp_path: Path) -> None:
    printed = block("program: test_first_app.py")
    (tmp_path / "test_first_app.py").write_text(printed)
    (tmp_path / "test_an_app.py").write_text((ROOT / "examples" / "test_an_app.py").read_text())
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--rootdir={tmp_path}",
            "-c",
            os.devnull,
            ".",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "4 passed" in run.stdout


def commands_of(row: str) -> Iterator[list[str]]:
    """`insitu app new`, `approve` names two commands of one group."""
    group: list[str] = []
    for words in (quoted.split() for quoted in re.findall(r"`([a-z ]+)`", row)):
        if words[0] == "insitu":
            group = words[1:2]
            yield words[1:]
        else:
            yield [*group, *words]


def test_the_commands_of_the_table_exist() -> None:
    rows = re.findall(r"^\| (`insitu .*?)\|", README, re.MULTILINE)
    commands = [command for row in rows for command in commands_of(row)]
    assert len(commands) > 20
    for command in commands:
        # The shells are arguments of `completion`, not commands.
        verbs = command[:1] if command[0] == "completion" else command
        call = [Path(sys.executable).parent / "insitu", *verbs, "--help"]
        result = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, command
        assert "Example" in result.stdout, command
