"""`python -m benchmarks.floors`."""

from rich.console import Console

from benchmarks.floors import measure_floors, show_floors
from benchmarks.lab import FULL

if __name__ == "__main__":
    show_floors(measure_floors(FULL), Console())
