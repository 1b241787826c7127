"""Every benchmark runs from end to end at its smallest, and yields what its targets need."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.lab import SMALLEST, Lab, Skipped
from benchmarks.plans import Plans
from benchmarks.registry import MODULES, load

TARGETS = {
    "B1": ["≤ 1.5"],
    "B1L": ["≤ 0.4"],
    "B1p": ["≤ 0.9", "≤ 0.25", "≤ 0.2"],
    "B2": ["≥ 2", "≥ 2"],
    "B3": ["≥ 0.5"],
    "B4": ["≤ 1.4", "≤ 0.35"],
    "B5": ["≥ 0.25"],
    "B6": ["≥ 0.8", "≤ 8"],
    "B6c": ["≥ 8"],
    "B7": ["≤ 2.5", "≤ 3"],
    "B8": ["≤ 1.3"],
    "B9": ["≤ 1.3"],
    "B15": ["≤ 3", "≤ 1.5"],
}


@pytest.fixture(scope="module")
def plans(tmp_path_factory) -> Plans:
    return Plans(tmp_path_factory.mktemp("bench") / "plans")


@pytest.mark.xdist_group("bench")
@pytest.mark.parametrize("id", MODULES)
def test_it_runs(id: str, tmp_path: Path, plans: Plans):
    try:
        rows = load(id)(Lab(tmp_path, SMALLEST, Console(file=io.StringIO()), plans))
    except Skipped as lacking:
        pytest.skip(str(lacking))
    assert {row.id for row in rows} == {id}
    assert [str(row.target) for row in rows] == TARGETS[id]
    assert all(row.ours > 0 and row.reference > 0 for row in rows)
