"""`python -m benchmarks [--only B5,B6] [--smallest]`: measures, prints one table, writes build/bench.json."""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.bytecode import compile_packages
from benchmarks.lab import FULL, SMALLEST, Effort, Lab
from benchmarks.plans import Plans
from benchmarks.registry import UnknownBenchmark, load, select
from benchmarks.rows import Row
from benchmarks.table import show, write_json

RESULTS = Path("build/bench.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 whatever the figures are; 1 where a benchmark could not be run, 2 for an unknown one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the references.")
    parser.add_argument("--only", metavar="IDS", default="", help="a part, e.g. B5,B6")
    parser.add_argument("--json", metavar="FILE", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--smallest", action="store_true", help="only show that everything works: no figure counts")
    arguments = parser.parse_args(argv)
    console = Console()
    try:
        ids = select(arguments.only)
    except UnknownBenchmark as error:
        parser.error(str(error))
    rows, failed = measure(ids, SMALLEST if arguments.smallest else FULL, console)
    show(rows, console)
    write_json(rows, arguments.json)
    console.print(f"written to {arguments.json}")
    if failed:
        console.print(f"could not be run: {', '.join(failed)}", style="red")
    return 1 if failed else 0


def measure(ids: Sequence[str], effort: Effort, console: Console) -> tuple[list[Row], list[str]]:
    """The rows, and the ids of benchmarks that raised: one that cannot be run takes no other with it."""
    rows: list[Row] = []
    failed: list[str] = []
    compile_packages()
    with tempfile.TemporaryDirectory(prefix="insitu-bench-") as root:
        plans = Plans(Path(root) / "plans")
        for id in ids:
            folder = Path(root) / id
            folder.mkdir()
            try:
                rows += load(id)(Lab(folder, effort, console, plans))
            except Exception:  # noqa: BLE001 - whatever it is, the others are measured
                console.print(traceback.format_exc(), style="red", markup=False)
                failed.append(id)
    return rows, failed


if __name__ == "__main__":
    sys.exit(main())
