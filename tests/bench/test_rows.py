"""Ratios, targets, and how they are written."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.rows import Row, at_least, at_most
from benchmarks.table import as_objects, figure, read_json, show, write_json


def row(ours: float, reference: float, target: object = None) -> Row:
    return Row("B0", "work; reference", "ms", ours, reference, at_most(3) if target is None else target)


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (at_most(3), 3.0, True),
        (at_most(3), 3.01, False),
        (at_least(0.25), 0.25, True),
        (at_least(0.25), 0.2499, False),
        (at_most(3), float("nan"), False),
        (at_least(0.25), float("nan"), False),
    ],
)
def test_a_target_includes_its_bound(target, ratio, met):
    assert target.met_by(ratio) is met


def test_a_ratio_is_ours_to_the_reference():
    assert row(6.0, 2.0).ratio == 3.0
    assert row(6.0, 2.0).passes
    assert not row(6.1, 2.0).passes


def test_nothing_passes_without_a_reference():
    assert not row(1.0, 0.0).passes


def test_json_has_one_object_a_target(tmp_path: Path):
    rows = [row(6.0, 2.0), row(1.0, 4.0, at_least(0.5)), row(1.0, 0.0)]
    write_json(rows, tmp_path / "build" / "bench.json")
    written = json.loads((tmp_path / "build" / "bench.json").read_text(encoding="utf-8"))
    assert written == as_objects(rows)
    assert written[0] == {
        "id": "B0",
        "what": "work; reference",
        "unit": "ms",
        "ours": 6.0,
        "reference": 2.0,
        "ratio": 3.0,
        "target": "≤ 3",
        "pass": True,
    }
    assert [one["pass"] for one in written] == [True, False, False]
    assert read_json(tmp_path / "build" / "bench.json") == rows


def test_there_may_be_nothing_to_read(tmp_path: Path):
    assert read_json(tmp_path / "bench.json") == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.03117, "0.0312"), (4.7149, "4.71"), (12.34, "12.3"), (128.4, "128"), (1234.5, "1,230"), (39_561, "39,600")],
)
def test_figures_have_three_digits(value, shown):
    assert figure(value) == shown


def test_the_table_shows_every_row():
    said = io.StringIO()
    show([row(6.0, 2.0), row(9.0, 2.0)], Console(file=said, width=100))
    assert said.getvalue().count("B0") == 2
    assert "3.00" in said.getvalue()
    assert "yes" in said.getvalue()
    assert "no" in said.getvalue()
