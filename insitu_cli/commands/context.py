"""`insitu context`: what the device knows at this moment."""

from typing import TYPE_CHECKING

import click

from insitu_cli import output, owner

if TYPE_CHECKING:
    from insitu.v1.example_pb2 import Features

_WORDS = {"true": 1, "yes": 1, "false": 0, "no": 0}


@click.group()
def command() -> None:
    """See the device's context, and script it."""


@command.command()
@output.json_option
def show(as_json: bool) -> None:
    """Show the present reading of every context type.

    \b
    Example: insitu context show
    """
    with owner.connect() as control:
        found = control.context()
    if as_json:
        output.print_json(output.plain(found)["readings"])
        return
    output.print_table(
        ("type", "reading", "source", "read", "valid until"),
        [
            (
                reading.type,
                ", ".join(f"{name}={value}" for name, value in output.features(reading.features).items()) or "unknown",
                reading.source,
                output.when(reading.read_ms),
                output.when(reading.valid_until_ms),
            )
            for reading in found.readings
        ],
        empty="no context type is known",
    )


@command.command("set")
@click.argument("type")
@click.argument("features", nargs=-1, metavar="FEATURE=VALUE...")
@click.option("--unknown", is_flag=True, help="Let the type be unknown.")
@output.json_option
def set_reading(type: str, features: tuple[str, ...], unknown: bool, as_json: bool) -> None:
    """Set a reading of the scripted source, replacing the type's last one.

    Values: yes, no, a number, or text. The daemon must use the scripted source.

    \b
    Example: insitu context set power charging=yes battery_level=0.8
    """
    if unknown == bool(features):
        raise click.UsageError("give either FEATURE=VALUE or --unknown")
    message = _features(features)
    with owner.connect() as control:
        control.set_scripted_context(type, message)
    if as_json:
        output.print_json({"type": type, "features": output.features(message)})
    else:
        click.echo(f"{type} is {' '.join(features) or 'unknown'}")


def _features(assignments: tuple[str, ...]) -> "Features":
    from client_lib.encoding import encode

    values: dict[str, int | float | str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{assignment!r} is not of the form FEATURE=VALUE")
        values[name] = _value(value)
    return encode(values).features


def _value(text: str) -> int | float | str:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
