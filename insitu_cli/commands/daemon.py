"""`insitu daemon`: run the daemon, and see how it does."""

from dataclasses import asdict
from pathlib import Path

import click

from insitu_cli import output, owner


@click.group()
def command() -> None:
    """Run the daemon and see what runs."""


@command.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file (TOML), where not in its usual place.",
)
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Folder for all of this device.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="How much to log.")
@click.option(
    "--log-format", type=click.Choice(["auto", "text", "json"]), help="auto: text on a terminal, JSON elsewhere."
)
@click.pass_context
def run(
    ctx: click.Context, config: Path | None, home: Path | None, log_level: str | None, log_format: str | None
) -> None:
    """Run the daemon in the foreground until it is told to stop (Ctrl-C, SIGTERM).

    The configuration is config/insitu.toml in --home or INSITU_HOME, without either ~/.config/insitu/insitu.toml
    (XDG_CONFIG_HOME moves it). The file need not exist; `insitu daemon status` names the one in use.

    \b
    Example: INSITU_HOME=/tmp/device insitu daemon run --log-level debug
    """
    from platform_daemon.__main__ import main

    flags = {"--config": config, "--home": home, "--log-level": log_level, "--log-format": log_format}
    argv = [part for flag, value in flags.items() if value is not None for part in (flag, str(value))]
    ctx.exit(main(argv))


@command.command()
@output.json_option
def metrics(as_json: bool) -> None:
    """Print what the daemon has counted since its start, in Prometheus' text format.

    The same answers `curl --unix-socket SOCKET http://insitu/metrics`, SOCKET being control.sock beside the socket that
    `insitu daemon status` names.

    \b
    Example: insitu daemon metrics | grep insitu_calls_total
    """
    from platform_daemon.metrics.reading import samples

    with owner.connect() as control:
        text = control.metrics()
    if as_json:
        output.print_json([asdict(sample) for sample in samples(text)])
    else:
        click.echo(text, nl=False)


@command.command()
@output.json_option
def status(as_json: bool) -> None:
    """Show what runs, and which protections this machine lacks.

    \b
    Example: insitu daemon status --json
    """
    with owner.connect() as control:
        found = control.status()
    if as_json:
        output.print_json(output.plain(found))
        return
    output.print_facts(
        [
            ("version", found.version),
            ("process", found.pid),
            ("started", output.when(found.started_ms)),
            ("socket", found.socket),
            ("configuration", found.configuration_file),
            ("state", found.state_folder),
            ("apps", found.apps),
            ("sessions", found.open_sessions),
            ("connections", found.connections),
            ("examples", found.examples),
            ("predictions", found.predictions),
        ]
    )
    if since_ms := found.clock.unconfirmed_since_ms:
        click.echo(
            f"time: not confirmed since {output.when(since_ms)}; what has expired is hidden, but not destroyed yet"
        )
    for protection in found.missing_protections:
        click.echo(f"missing: {protection}")
    output.print_table(
        ("process", "pid", "for", "started", "restarts"),
        [(p.role, p.pid, p.package or "all", output.when(p.started_ms), p.restarts) for p in found.processes],
        empty="no worker or trainer runs",
    )
