"""`insitu data`: how much is stored, away with it, and a copy of it."""

from dataclasses import asdict
from pathlib import Path

import click

from insitu_cli import backups, output, owner


@click.group()
def command() -> None:
    """See how much is stored, delete it, back it up and restore it."""


@command.command()
@click.argument("package", default="")
@output.json_option
def show(package: str, as_json: bool) -> None:
    """Show the collections of all apps, or of one: counts, never contents.

    \b
    Example: insitu data show com.example.keyboard
    """
    with owner.connect() as control:
        found = control.data(package)
    if as_json:
        output.print_json(output.plain(found)["apps"])
        return
    output.print_table(
        ("package", "collection", "examples", "size", "oldest", "newest", "next expiry", "durable", "lost"),
        [
            (
                app.package,
                stats.collection,
                stats.examples,
                output.size(stats.size_bytes),
                output.when(stats.oldest_ms),
                output.when(stats.newest_ms),
                output.when(stats.next_expiry_ms),
                "yes" if stats.durable else "",
                stats.lost_examples or "",
            )
            for app in found.apps
            for stats in app.collections
        ],
        empty="nothing is stored",
    )
    for app in found.apps:
        of_examples = f"{app.usage.examples:,} of {app.usage.max_examples:,} examples"
        of_bytes = f"{output.size(app.usage.size_bytes)} of {output.size(app.usage.max_bytes)}"
        click.echo(f"{app.package} uses {of_examples}, {of_bytes}")
        for damaged in app.damaged:
            what = f"{output.count(damaged.records, 'record')} of {damaged.collection} failed authentication"
            remedy = f"insitu data clear {app.package} --collection {damaged.collection}"
            click.echo(f"{app.package}: {what}, set aside and never served; {remedy} deletes all of it")


@command.command()
@click.argument("package")
@click.option("--collection", default="", help="Only this collection.")
@click.option("--account", default="", help="Only this account's examples.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def clear(package: str, collection: str, account: str, yes: bool, as_json: bool) -> None:
    """Delete an app's examples. They are unreadable when the command returns.

    \b
    Example: insitu data clear com.example.keyboard --collection words --yes
    """
    if not yes:
        what = f"collection {collection}" if collection else "all collections"
        click.confirm(f"Delete the examples in {what} of {package}?", abort=True, err=True)
    with owner.connect() as control:
        count = control.clear_data(package, collection, account)
    if as_json:
        output.print_json({"package": package, "collection": collection, "account": account, "deleted": count})
    else:
        click.echo(f"deleted {output.count(count, 'example')}")


@command.command()
@output.json_option
def unhide(as_json: bool) -> None:
    """Bring back what only a wrong clock had hidden.

    An example is hidden for good as soon as the clock has shown its expiry, even if that was a mistake and the clock is
    right again. This says that it was one. What has really expired stays away.

    \b
    Example: insitu data unhide
    """
    with owner.connect() as control:
        count = control.unhide_data()
    if as_json:
        output.print_json({"examples": count})
    else:
        click.echo(f"{output.count(count, 'example')} came back")


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@backups.passphrase_option
@output.json_option
def backup(file: Path, passphrase_file: str | None, as_json: bool) -> None:
    """Write all that the daemon keeps into one sealed file, while it goes on serving: examples, models, grants, keys.

    Whoever has the file and the passphrase can read what it holds, for ever: also what has since expired, or was
    revoked or cleared on the device. Delete old backups. Without the passphrase nobody can read it, nor can you.

    The passphrase is asked for, unless --passphrase-file or INSITU_BACKUP_PASSPHRASE gives it.

    \b
    Example: insitu data backup /media/stick/device.backup
    """
    secret = backups.passphrase(passphrase_file, confirm=True)
    with owner.connect() as control:
        written = backups.write(control, file, secret)
    if as_json:
        output.print_json({"file": str(file), **asdict(written)})
        return
    click.echo(f"wrote {file}, {output.size(written.size_bytes)}")
    click.echo(f"it can be verified with: insitu data restore {file} --check")


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@backups.passphrase_option
@click.option("--check", is_flag=True, help="Only verify the file.")
@click.option("--replace", is_flag=True, help="Give up the state that there is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def restore(file: Path, passphrase_file: str | None, check: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Put the state of a backup in place, whole or not at all. The daemon must not run.

    What has expired since is hidden at once. With --replace, what was erased, revoked or removed since stays so, as far
    as the present state can be read. Without a present state nothing is known of that: it all comes back, and
    consent is withdrawn from every app until you give it again.

    \b
    Example: insitu data restore /media/stick/device.backup --replace
    """
    from platform_daemon.sandbox import confine_primary

    # What is restored can be read by this process, so it must not have the network.
    confine_primary()
    secret = backups.passphrase(passphrase_file, confirm=False)
    size_bytes = file.stat().st_size
    with file.open("rb") as opened:
        if check:
            found = backups.verified(opened, secret, size_bytes)
            lines = [f"{file} is whole: the state of {output.when(found['made_ms'])}"]
        else:
            found = backups.restored(opened, secret, size_bytes, replace=replace, ask=not yes)
            lines = list(backups.report(found))
    if as_json:
        output.print_json({"file": str(file), **found})
        return
    for line in lines:
        click.echo(line)
