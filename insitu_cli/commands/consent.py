"""`insitu consent`: whether an app may collect at all."""

import click

from insitu_cli import output, owner


@click.group()
def command() -> None:
    """Give and withdraw consent to collection."""


@command.command()
@click.argument("package")
@output.json_option
def give(package: str, as_json: bool) -> None:
    """Let an app collect examples on this device.

    \b
    Example: insitu consent give com.example.keyboard
    """
    _set(package, True, as_json)


@command.command()
@click.argument("package")
@output.json_option
def withdraw(package: str, as_json: bool) -> None:
    """Stop an app from collecting. What it has stored stays until it expires, or until: insitu data clear.

    \b
    Example: insitu consent withdraw com.example.keyboard
    """
    _set(package, False, as_json)


def _set(package: str, given: bool, as_json: bool) -> None:
    with owner.connect() as control:
        control.set_consent(package, given=given)
    if as_json:
        output.print_json({"package": package, "consent": given})
    elif given:
        click.echo(f"{package} may collect")
    else:
        click.echo(f"{package} may no longer collect; delete what it stored with: insitu data clear {package}")
