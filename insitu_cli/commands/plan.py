"""`insitu plan`: make plans and check them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insitu_cli import output
from insitu_cli.exits import ExitCode

if TYPE_CHECKING:
    from artifact_manager.findings import Finding

_existing = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Start, build and check plans."""


@command.command()
@click.argument("source", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="The plan's name, a lower-case path; that of the file by default.")
@output.json_option
def new(source: Path, name: str | None, as_json: bool) -> None:
    """Write a source file to start from: a small model, its features and its query, ready to build.

    \b
    Example: insitu plan new digits.py --name examples/digits
    """
    import plan_toolkit

    plan_toolkit.new_source(name or source.stem, source)
    if as_json:
        output.print_json({"source": str(source), "next": f"insitu plan build {source}"})
        return
    click.echo(f"wrote {source}")
    click.echo(f"build it with: insitu plan build {source}")


@command.command()
@click.argument("source", type=_existing)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; the source's own by default.")
@output.json_option
def build(source: Path, out: Path | None, as_json: bool) -> None:
    """Build the inference plan and the training plan that a source file's `plan()` describes.

    The source is a program: build only what you trust.

    \b
    Example: insitu plan build digits.py --out plans
    """
    with output.working(f"building {source}"):
        import plan_toolkit

        built = plan_toolkit.build(source, out)
    inference, training, notices = built.inference_path, built.training_path, built.plans.notices
    if as_json:
        shown = [{"code": notice.code, "message": notice.message} for notice in notices]
        output.print_json({"inference": str(inference), "training": str(training), "notices": shown})
        return
    for notice in notices:
        click.echo(f"note: {notice.message}", err=True)
    click.echo(f"wrote {inference}")
    click.echo(f"wrote {training}")


@command.command()
@click.argument("files", nargs=-1, required=True, type=_existing)
@output.json_option
@click.pass_context
def lint(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check plans against every rule; ends with 1 where one breaks a rule.

    \b
    Example: insitu plan lint plans/digits.train.plan
    """
    found = {str(file): _findings(file) for file in files}
    if as_json:
        output.print_json({file: [_plain(finding) for finding in findings] for file, findings in found.items()})
    else:
        for file, findings in found.items():
            for finding in findings:
                click.echo(f"{file}: {finding.severity.name.lower()}: {finding}")
            if not findings:
                click.echo(f"{file}: keeps every rule")
    errors = any(finding.severity.name == "ERROR" for findings in found.values() for finding in findings)
    ctx.exit(ExitCode.FAILED if errors else ExitCode.OK)


def _findings(file: Path) -> "list[Finding]":
    """All findings, warnings included; those of bytes that are no plan, too."""
    from artifact_manager.errors import PlanRejected
    from artifact_manager.findings import Severity
    from artifact_manager.lint import lint as lint_plan
    from artifact_manager.lint import parse_plan

    try:
        plan = parse_plan(file.read_bytes())
    except PlanRejected as rejected:
        return list(rejected.findings)
    return lint_plan(plan, least=Severity.WARNING)


def _plain(finding: "Finding") -> dict[str, Any]:
    return {
        "field": finding.field,
        "severity": finding.severity.name.lower(),
        "problem": finding.problem,
        "remedy": finding.remedy,
    }
