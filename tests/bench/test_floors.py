"""The pieces of which the rest is made."""

import io
import os
import re
import sys

import pytest
from rich.console import Console

from benchmarks import floors
from benchmarks.lab import SMALLEST


@pytest.mark.xdist_group("bench")
def test_every_floor_and_every_profile_has_its_figures() -> None:
    said = io.StringIO()
    floors.print_floors(SMALLEST, Console(file=said, width=120))
    by_unit = re.findall(r"(\S+) +(µs|/s) *$", said.getvalue(), re.MULTILINE)
    profiles = re.findall(r"^ .*\D  +(\S+) +(\S+) +(\S+) +(\S+) *$", said.getvalue(), re.MULTILINE)
    figures = [value for value, _ in by_unit] + [value for row in profiles if row[0] != "taken" for value in row[:3]]
    assert len(figures) == 14 + 8 * 3
    assert all(float(value.replace(",", "")) > 0 for value in figures)


@pytest.mark.skipif(sys.platform != "linux", reason="the scheduler's accounts are Linux's")
def test_computing_is_counted_and_waiting_is_not() -> None:
    before_ns = floors.profile._computed_ns(os.getpid())
    sum(range(2_000_000))
    assert floors.profile._computed_ns(os.getpid()) - before_ns > 1_000_000
