"""The table for people and `bench.json` for programs."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, Target


def as_objects(rows: Sequence[Row]) -> list[dict[str, str | float | bool]]:
    """One object a row. A ratio that is no number becomes 0, which JSON can hold; such a row does not pass."""
    return [
        {
            "id": row.id,
            "what": row.what,
            "unit": row.unit,
            "ours": row.ours,
            "reference": row.reference,
            "ratio": row.ratio if row.reference else 0.0,
            "target": str(row.target),
            "pass": row.passes,
        }
        for row in rows
    ]


def write_json(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_objects(rows), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> list[Row]:
    """What `write_json` wrote; nothing where there is no file."""
    if not path.exists():
        return []
    return [
        Row(one["id"], one["what"], one["unit"], one["ours"], one["reference"], Target.parse(one["target"]))
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def show(rows: Sequence[Row], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("what")
    for name in ("ours", "reference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for name in ("ratio", "target", "pass"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        verdict = "[green]yes[/]" if row.passes else "[red]no[/]"
        figures = (figure(row.ours), figure(row.reference), row.unit, f"{row.ratio:.2f}")
        table.add_row(row.id, row.what, *figures, str(row.target), verdict)
    console.print(table)


def figure(value: float) -> str:
    """Three significant digits, in full: 0.0312, 4.71, 128, 39,600."""
    if abs(value) >= 1000:
        digits = len(f"{abs(value):.0f}")
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:#.3g}".rstrip(".")
