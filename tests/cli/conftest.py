"""The command line against a daemon: `insitu` runs it as a user would, in the test's process."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from insitu_cli.exits import ExitCode
from insitu_cli.root import cli
from tests.client.conftest import device, served
from tests.client.devices import Device

__all__ = ["device", "served"]

Insitu = Callable[..., Result]


@pytest.fixture
def insitu() -> Insitu:
    """Runs a command; a failure is one the test expects."""

    def run(*arguments: object, expect: ExitCode = ExitCode.OK, input: str | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="insitu", input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == expect, result.output
        return result

    return run


@pytest.fixture
def insitu_json(insitu: Insitu) -> Callable[..., Any]:
    """Runs a command with --json and parses what it prints."""

    def run(*arguments: object) -> Any:
        return json.loads(insitu(*arguments, "--json").stdout)

    return run


@pytest.fixture
def at_home(device: Device, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A running device that `insitu` finds by INSITU_HOME."""
    monkeypatch.setenv("INSITU_HOME", str(device.home))
    return device
