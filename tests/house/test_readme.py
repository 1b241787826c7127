"""README's first app, done as README says: its commands, its program, nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "INSITU_HOME": str(tmp_path / "home"), "PATH": path}


def test_the_first_app_runs_as_printed(tmp_path: Path, environment: dict[str, str]) -> None:
    program = block("program: first_app.py")
    assert len([line for line in program.splitlines() if line.strip()]) <= MAX_PROGRAM_LINES
    assert (ROOT / "examples" / "first_app.py").read_text() == program
    (tmp_path / "first_app.py").write_text(program)
    command = ["bash", "-c", f"exec env {block('commands: daemon')}"]
    with (tmp_path / "log").open("w") as log:
        daemon = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(tmp_path / "home" / "run" / "control.sock"), timeout_s=60)
        setup = subprocess.run(
            ["bash", "-ec", block("commands: setup")],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert setup.returncode == 0, setup.stdout + setup.stderr
        run = subprocess.run(
            [sys.executable, "first_app.py"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        before, after = (float(found) for found in re.findall(r"right \w+: +([0-9.]+)", run.stdout))
        assert after > before + 0.1
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


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
