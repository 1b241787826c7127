"""The root command. Each group is imported when it is named, and imports what it calls when it runs."""

from importlib import import_module
from typing import Any

import click

from insitu_cli.exits import EPILOG, explain

COMMANDS = (
    "demo", "daemon", "doctor", "app", "consent", "permissions", "data", "context", "train", "models", "plan",
    "completion",
)  # fmt: skip


class Root(click.Group):
    """Commands by name of their module in `insitu_cli.commands`. Failures end as one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"insitu_cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            message, code = explained
            click.echo(f"Error: {message}", err=True)
            raise click.exceptions.Exit(code) from error


@click.command(cls=Root, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="insitu")
def cli() -> None:
    """Machine learning where the data is: a daemon collects from local apps, trains while the device is idle, predicts.

    \b
    insitu demo                  the whole story in one command
    insitu daemon run            start the daemon
    insitu app new PACKAGE --out FILE
    """
