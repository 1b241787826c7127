"""`insitu app`: credentials and approval."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insitu_cli import output, owner

if TYPE_CHECKING:
    from client_lib.credentials import Credentials
    from insitu.v1.control_pb2 import ApproveAppRequest


@click.group()
def command() -> None:
    """Create, approve and remove apps."""


@command.command()
@click.argument("package")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--context", multiple=True, metavar="TYPE", help="Context the app would like; repeat for more.")
@click.option("--assets", type=click.Path(file_okay=False, path_type=Path), help="Folder of the app's asset: plans.")
@output.json_option
def new(package: str, out: Path, context: tuple[str, ...], assets: Path | None, as_json: bool) -> None:
    """Make an app's credentials, and ask for approval where the daemon runs.

    The file has mode 0600 and is what Learning.connect(credentials=FILE) takes. An existing file is never overwritten.

    \b
    Example: insitu app new com.example.keyboard --out keyboard.json --context power --context day
    """
    from client_lib.credentials import CredentialsFile
    from client_lib.identity import new_credentials

    credentials = new_credentials(package, context, str(assets.absolute()) if assets else None)
    CredentialsFile(out).create(credentials)
    handed_in = _hand_in(credentials)
    approve = f"insitu app approve {package if handed_in else out}"
    if as_json:
        output.print_json({"package": package, "file": str(out), "handed_in": handed_in, "next": approve})
        return
    click.echo(f"wrote {out}")
    if not handed_in:
        click.echo("the daemon does not run; start it with: insitu daemon run")
    click.echo(f"approve the app with: {approve}")


@command.command()
@click.argument("package_or_file")
@output.json_option
def approve(package_or_file: str, as_json: bool) -> None:
    """Approve an app that asked for it, or the one whose credentials file is given.

    \b
    Example: insitu app approve com.example.keyboard
    """
    with owner.connect() as control:
        record = control.approve_app(_approval(package_or_file))
    if as_json:
        output.print_json(output.plain(record))
        return
    click.echo(f"{record.package} is approved")
    if not record.consent:
        click.echo(f"let it collect with: insitu consent give {record.package}")
    if record.wished_context:
        wishes = " ".join(record.wished_context)
        click.echo(f"it would like context; grant it with: insitu permissions grant {record.package} {wishes}")


@command.command("list")
@output.json_option
def list_apps(as_json: bool) -> None:
    """List apps: those that wait for approval, too.

    \b
    Example: insitu app list
    """
    with owner.connect() as control:
        found = control.apps()
    if as_json:
        output.print_json(output.plain(found)["apps"])
        return
    output.print_table(
        ("package", "state", "consent", "would like", "last seen"),
        [
            (
                app.package,
                output.enum_name(app, "state"),
                "given" if app.consent else "no",
                ", ".join(app.wished_context),
                output.when(app.last_seen_ms),
            )
            for app in found.apps
        ],
        empty="no app is known; make one with: insitu app new PACKAGE --out FILE",
    )


@command.command()
@click.argument("package")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def remove(package: str, yes: bool, as_json: bool) -> None:
    """Remove an app with its keys, data, training sessions and models.

    \b
    Example: insitu app remove com.example.keyboard --yes
    """
    if not yes:
        click.confirm(f"Remove {package} with all its data and models?", abort=True, err=True)
    with owner.connect() as control:
        control.remove_app(package)
    if as_json:
        output.print_json({"package": package, "removed": True})
    else:
        click.echo(f"{package} is removed")


@command.command()
@click.argument("package")
@output.json_option
def token(package: str, as_json: bool) -> None:
    """Print a session of an app, for clients that only know headers: send it as metadata `insitu-session`.

    \b
    Example: grpcurl -H "insitu-session: $(insitu app token com.example.keyboard)" ...
    """
    with owner.connect() as control:
        issued = control.issue_token(package)
    if as_json:
        output.print_json(output.plain(issued))
    else:
        click.echo(issued.session)


def _hand_in(credentials: "Credentials") -> bool:
    """Whether a daemon took the request."""
    from client_lib.connection import drive
    from client_lib.errors import DaemonNotRunning
    from client_lib.handshake import request_approval
    from client_lib.lane_transport import LaneTransport
    from client_lib.locations import find_socket

    transport = LaneTransport(find_socket())
    try:
        drive(request_approval(credentials), transport)
    except DaemonNotRunning:
        return False
    finally:
        transport.close()
    return True


def _approval(package_or_file: str) -> "ApproveAppRequest":
    from client_lib.credentials import CredentialsFile
    from client_lib.identity import hashed_api_key
    from insitu.v1.control_pb2 import ApproveAppRequest

    if not (os.path.exists(package_or_file) or os.sep in package_or_file):
        return ApproveAppRequest(package=package_or_file)
    credentials = CredentialsFile(package_or_file).read()
    return ApproveAppRequest(
        package=credentials.package,
        certificate_request_pem=credentials.certificate_request_pem,
        api_key_sha256=hashed_api_key(credentials),
        context=credentials.context,
    )
