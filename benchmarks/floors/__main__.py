"""`python -m benchmarks.floors`."""

from rich.console import Console

from benchmarks.floors import print_floors
from benchmarks.lab import FULL

if __name__ == "__main__":
    print_floors(FULL, Console())
