"""`insitu models`: what was learnt, and back to what was there before."""

from typing import TYPE_CHECKING

import click

from insitu_cli import output, owner

if TYPE_CHECKING:
    from insitu.v1.control_pb2 import MutableArtifact


@click.group()
def command() -> None:
    """See learnt parameters and loaded models, and roll back."""


@command.command("list")
@click.argument("package", default="")
@output.json_option
def list_models(package: str, as_json: bool) -> None:
    """List the versions of learnt parameters, and the models in memory.

    \b
    Example: insitu models list com.example.keyboard
    """
    with owner.connect() as control:
        found = control.models(package)
    if as_json:
        output.print_json(output.plain(found))
        return
    output.print_table(
        ("package", "parameters", "version", "in use", "made", "size", "plan", "context", "quality before and after"),
        [row for artifact in found.artifacts for row in _versions(artifact)],
        empty="nothing was learnt yet",
    )
    click.echo()
    output.print_table(
        ("package", "loaded plan", "plan version", "parameters version", "predictions"),
        [(m.package, m.plan_name, m.plan_version, m.parameters_version or "base", m.predictions) for m in found.loaded],
        empty="no model is loaded",
    )


@command.command()
@click.argument("package")
@click.argument("uri")
@click.option("--version", type=click.IntRange(min=1), help="Version to use; the one before that in use by default.")
@output.json_option
def rollback(package: str, uri: str, version: int | None, as_json: bool) -> None:
    """Serve an earlier version of learnt parameters again.

    \b
    Example: insitu models rollback com.example.keyboard artifact:/words-session/params
    """
    with owner.connect() as control:
        artifact = control.roll_back_model(package, uri, version or 0)
    if as_json:
        output.print_json(output.plain(artifact))
    else:
        click.echo(f"{artifact.uri} of {artifact.package} is served in version {artifact.version_in_use}")


def _versions(artifact: "MutableArtifact") -> list[tuple[object, ...]]:
    return [
        (
            artifact.package,
            artifact.uri,
            version.version,
            "yes" if version.version == artifact.version_in_use else "",
            output.when(version.created_ms),
            output.size(version.size_bytes),
            f"{version.plan_name} {version.plan_version}",
            ", ".join(version.context),
            ", ".join(f"{m.name} {output.number(m.before)} to {output.number(m.after)}" for m in version.metrics),
        )
        for version in artifact.versions
    ]
