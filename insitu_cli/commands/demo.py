"""`insitu demo`: the whole story."""

from importlib import import_module
from pathlib import Path

import click


@click.command()
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with plots.")
@click.option("--json", "results", type=click.Path(dir_okay=False, path_type=Path), help="Write what was measured.")
@click.pass_context
def command(ctx: click.Context, report: Path | None, results: Path | None) -> None:
    """Run the whole story on real data: three apps collect, learn while the device is idle, and predict better.

    Starts a daemon of its own in a temporary folder and needs no network. Takes about a minute.

    \b
    Example: insitu demo --report demo.html --json demo.json
    """
    ctx.exit(import_module("insitu_cli.demo").main(results, report))
