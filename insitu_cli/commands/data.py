"""`insitu data`: how much is stored, and away with it."""

import click

from insitu_cli import output, owner


@click.group()
def command() -> None:
    """See how much is stored, and delete it."""


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
        ("package", "collection", "examples", "size", "oldest", "newest", "next expiry"),
        [
            (
                app.package,
                stats.collection,
                stats.examples,
                output.size(stats.size_bytes),
                output.when(stats.oldest_ms),
                output.when(stats.newest_ms),
                output.when(stats.next_expiry_ms),
            )
            for app in found.apps
            for stats in app.collections
        ],
        empty="nothing is stored",
    )


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
