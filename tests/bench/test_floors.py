"""The pieces of which the rest is made."""

import io

import pytest
from rich.console import Console

from benchmarks.floors import measure_floors, show_floors
from benchmarks.lab import SMALLEST


@pytest.mark.xdist_group("bench")
def test_every_floor_has_a_figure() -> None:
    floors = measure_floors(SMALLEST)
    assert all(floor.value > 0 and floor.unit in ("µs", "/s") for floor in floors)
    said = io.StringIO()
    show_floors(floors, Console(file=said, width=120))
    assert all(floor.what in said.getvalue() for floor in floors)
