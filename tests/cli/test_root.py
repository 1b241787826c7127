"""The command itself: help, laziness, completion, what is missing."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from insitu_cli import output
from insitu_cli.exits import EPILOG, EXTRAS, ExitCode, explain
from insitu_cli.root import COMMANDS, cli
from tests.cli.conftest import Insitu


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


LEAVES = dict(leaves(cli))


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from insitu_cli.root import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        "print({'grpc', 'google.protobuf', 'rich', 'client_lib', 'numpy', 'platform_daemon'} & set(sys.modules))"
    )
    assert python(code).splitlines()[-1] == "set()"


def test_help_of_the_whole_command(insitu: Insitu) -> None:
    shown = insitu("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", shown, re.MULTILINE), name
    assert " ".join(EPILOG.split()) in " ".join(shown.split())


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_each_help_has_an_example_of_the_command_itself(insitu: Insitu, path: tuple[str, ...]) -> None:
    shown = insitu(*path, "--help").stdout
    example = re.search(r"^  Example: (.*)$", shown, re.MULTILINE)
    assert example is not None
    assert f"insitu {' '.join(path)}" in example[1]


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_all_that_prints_can_print_json(path: tuple[str, ...]) -> None:
    if path in (("daemon", "run"), ("completion",)):
        return
    assert "--json" in {name for parameter in LEAVES[path].params for name in parameter.opts}


def test_every_exit_code_is_documented() -> None:
    assert [int(found) for found in re.findall(r"(\d) ", EPILOG)] == sorted(ExitCode)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(insitu: Insitu, shell: str) -> None:
    assert "_INSITU_COMPLETE" in insitu("completion", shell).stdout


def test_base_install_says_which_extra_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; import insitu_cli; insitu_cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.NOT_INSTALLED
    assert done.stderr == "Error: the command needs click; run: pip install 'insitu[daemon]'\n"


@pytest.mark.parametrize("module", sorted(EXTRAS))
def test_missing_module_names_its_extra(module: str) -> None:
    explained = explain(ModuleNotFoundError(f"No module named '{module}'", name=f"{module}.part"))
    assert explained is not None
    assert explained == (
        f"this command needs {module}.part; run: pip install 'insitu[{EXTRAS[module]}]'",
        ExitCode.NOT_INSTALLED,
    )


def test_a_defect_is_not_explained_away() -> None:
    assert explain(RuntimeError("bug")) is None
    assert explain(ModuleNotFoundError("x", name="insitu_cli.typo")) is None


def test_console_script_runs() -> None:
    assert (
        "insitu, version"
        in subprocess.run(
            [sys.executable, "-c", "import sys, insitu_cli; sys.argv = ['insitu', '--version']; insitu_cli.main()"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (4096, "4 KiB"), (1_500_000, "1.43 MiB"), (2**42, "4.1e+03 GiB")],
)
def test_sizes(size_bytes: int, shown: str) -> None:
    assert output.size(size_bytes) == shown
