"""`insitu doctor`: what is missing or wrong, and what to do about it."""

from pathlib import Path

import click

from insitu_cli import output
from insitu_cli.exits import ExitCode


@click.command()
@click.argument("credentials", nargs=-1, type=click.Path(path_type=Path))
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Folder for all of this device.")
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="Configuration, where not in its place."
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, credentials: tuple[Path, ...], home: Path | None, config: Path | None, as_json: bool
) -> None:
    """Say what is missing or wrong on this device, and what to do, with or without a running daemon.

    Changes nothing. CREDENTIALS are files of apps, to be looked at as well. The exit code is 1 where there is a
    problem; a notice is none: something works less well than it could, or waits for a decision of yours.

    \b
    Example: insitu doctor
    Example: insitu doctor ~/.config/keyboard/insitu.json --json
    """
    from platform_daemon.doctor import Severity, examine, observe

    findings = examine(observe(None if home is None else str(home), config, credentials))
    problems = sum(finding.severity is Severity.PROBLEM for finding in findings)
    if as_json:
        output.print_json(
            [
                {"check": f.check, "severity": f.severity.value, "message": f.message, "remedy": f.remedy}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            click.echo(f"{finding.severity.value}: {finding.message}; {finding.remedy}")
        notices = len(findings) - problems
        click.echo(f"{output.count(problems, 'problem')}, {output.count(notices, 'notice')}")
    ctx.exit(ExitCode.FAILED if problems else ExitCode.OK)
