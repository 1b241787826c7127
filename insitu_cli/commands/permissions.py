"""`insitu permissions`: which context an app's examples and predictions may contain."""

from typing import TYPE_CHECKING

import click

from insitu_cli import output, owner

if TYPE_CHECKING:
    from insitu.v1.control_pb2 import SetPermissionResponse


@click.group()
def command() -> None:
    """See, grant and revoke context."""


@command.command("list")
@click.argument("package", default="")
@output.json_option
def list_permissions(package: str, as_json: bool) -> None:
    """List what each app, or one, may be given.

    \b
    Example: insitu permissions list com.example.keyboard
    """
    with owner.connect() as control:
        found = control.permissions(package)
    if as_json:
        output.print_json(output.plain(found)["permissions"])
        return
    output.print_table(
        ("package", "context", "granted", "would like it", "changed"),
        [
            (
                p.package,
                p.type,
                ", ".join(p.features) or "nothing",
                "yes" if p.wished else "",
                output.when(p.changed_ms),
            )
            for p in found.permissions
        ],
        empty="no app has asked for context",
    )


@command.command()
@click.argument("package")
@click.argument("scopes", nargs=-1, required=True, metavar="TYPE[.FEATURE]...")
@output.json_option
def grant(package: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Grant an app context types, or single features of them.

    \b
    Example: insitu permissions grant com.example.keyboard power day.hour
    """
    for answer in _set(package, scopes, True, as_json):
        granted = ", ".join(answer.permission.features)
        click.echo(f"{package} may be given of {answer.permission.type}: {granted}")


@command.command()
@click.argument("package")
@click.argument("scopes", nargs=-1, required=True, metavar="TYPE[.FEATURE]...")
@output.json_option
def revoke(package: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Revoke context: what is stored of it becomes unreadable, parameters trained with it are deleted.

    \b
    Example: insitu permissions revoke com.example.keyboard power
    """
    for answer in _set(package, scopes, False, as_json):
        left = ", ".join(answer.permission.features) or "nothing"
        click.echo(f"{package} may be given of {answer.permission.type}: {left}")
        if answer.deleted_versions:
            versions = output.count(answer.deleted_versions, "version")
            click.echo(f"deleted {versions} of parameters that had been trained with it")


def _set(package: str, scopes: tuple[str, ...], granted: bool, as_json: bool) -> "list[SetPermissionResponse]":
    """The answers still to be printed."""
    with owner.connect() as control:
        answers = [control.set_permission(package, scope, granted=granted) for scope in scopes]
    if as_json:
        output.print_json([output.plain(answer) for answer in answers])
        return []
    return answers
