"""What nothing here can be faster than: the pieces that every call and every stored example is made of; and how much of
a call's time is computing, process by process.

`python -m benchmarks.floors`, or `make bench ONLY=floors`. No targets and no references: the figures are for explaining
others, measured on the same machine at the same time.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.floors.computing import computing
from benchmarks.floors.floor import Floor
from benchmarks.floors.hops import hops
from benchmarks.floors.profile import measure_profiles, show_profiles
from benchmarks.floors.storing import storing
from benchmarks.lab import Effort
from benchmarks.plans import Plans
from benchmarks.table import figure

__all__ = ["Floor", "measure_floors", "print_floors", "show_floors"]


def print_floors(effort: Effort, console: Console) -> None:
    """Measure and print both tables."""
    with tempfile.TemporaryDirectory(prefix="insitu-floors-") as root:
        inference = Plans(Path(root) / "plans").inference("digits")
        show_floors(measure_floors(Path(root), inference, effort), console)
        show_profiles(measure_profiles(inference, effort), console)


def measure_floors(folder: Path, inference: Path, effort: Effort) -> list[Floor]:
    """Medians of several rounds each. `inference` is a plan, `folder` takes sockets and files."""
    with ExitStack() as open_things:
        floors = hops(folder, effort, open_things)
        return [*floors, *computing(inference, effort), *storing(folder, effort)]


def show_floors(floors: Sequence[Floor], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("floor")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for floor in floors:
        table.add_row(floor.what, figure(floor.value), floor.unit)
    console.print(table)
