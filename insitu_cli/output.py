"""How results are printed: tables for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from google.protobuf.message import Message

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_option(command: _Command) -> _Command:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table on standard output; `empty` says what there is not, where there is no row."""
    if not rows:
        click.echo(empty)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    # Text that goes to a file or pipe is not broken into lines of a terminal's width.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 1000, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says on a terminal what takes its time."""
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def measured(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Says on a terminal how far something has come; to be called with the bytes that are done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda done_bytes: progress.update(task, completed=done_bytes, total=max(total_bytes, done_bytes))


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Names and values, one a line; those without a value are left out."""
    shown = [(name, value) for name, value in facts if value not in ("", None)]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}")


def when(unix_ms: int) -> str:
    """Local time to the second."""
    return datetime.fromtimestamp(unix_ms / 1000).strftime("%Y-%m-%d %H:%M:%S") if unix_ms else "never"


def size(size_bytes: int) -> str:
    """Binary multiples, three digits."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"


def count(number: int, what: str) -> str:
    """`what` is regular and singular."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.4g}"


def enum_name(message: "Message", field: str) -> str:
    """The name of an enum field's value, in lower case."""
    described = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert described is not None, field
    return str(described.values_by_number[getattr(message, field)].name).lower()


def plain(message: "Message") -> dict[str, Any]:
    """A message as JSON would have it: every field, enums by name in lower case, features by name."""
    if message.DESCRIPTOR.full_name == "insitu.v1.Features":
        return features(message)
    return {field.name: _plain_field(message, field) for field in message.DESCRIPTOR.fields}


def features(message: Any) -> dict[str, Any]:
    """Features by name; a list of one is shown as its element."""
    shown = {}
    for name, feature in sorted(message.feature.items()):
        kind = feature.WhichOneof("kind")
        values = [_text(value) if isinstance(value, bytes) else value for value in getattr(feature, kind).value]
        shown[name] = values[0] if len(values) == 1 else values
    return shown


def _plain_field(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_plain_value(item, field) for item in value]
    if field.message_type is not None and not message.HasField(field.name):
        return None
    return _plain_value(value, field)


def _plain_value(value: Any, field: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name.lower()
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Duration":
            return value.ToTimedelta().total_seconds()
        return plain(value)
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
