"""`python -m benchmarks [--only B5,B6] [--join] [--smallest]`: measures, prints one table, writes build/bench.json."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.bytecode import compile_packages
from benchmarks.floors import print_floors
from benchmarks.lab import FULL, SMALLEST, Effort, Lab, Skipped
from benchmarks.plans import Plans
from benchmarks.registry import FLOORS, MODULES, UnknownBenchmark, load, select
from benchmarks.rows import Row
from benchmarks.table import read_json, show, write_json

RESULTS = Path("build/bench.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 whatever the figures are; 1 where a benchmark could not be run, 2 for an unknown one.

    What is skipped for want of a program counts as run, unless it was asked for by name.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the references.")
    parser.add_argument("--only", metavar="IDS", default="", help="a part, e.g. B5,B6; or floors")
    parser.add_argument("--json", metavar="FILE", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--smallest", action="store_true", help="only show that everything works: no figure counts")
    parser.add_argument("--join", action="store_true", help="keep the rows of other benchmarks that are in FILE")
    arguments = parser.parse_args(argv)
    console = Console()
    effort = SMALLEST if arguments.smallest else FULL
    if arguments.only.lower() == FLOORS:
        print_floors(effort, console)
        return 0
    try:
        ids = select(arguments.only)
    except UnknownBenchmark as error:
        parser.error(str(error))
    kept = [row for row in read_json(arguments.json) if row.id not in ids] if arguments.join else []
    outcome = measure(ids, effort, console)
    rows = sorted([*kept, *outcome.rows], key=lambda row: tuple(MODULES).index(row.id))
    show(rows, console)
    write_json(rows, arguments.json)
    console.print(f"written to {arguments.json}")
    for id, why in outcome.skipped.items():
        console.print(f"{id} was skipped: {why}", style="bold yellow", highlight=False)
    if outcome.failed:
        console.print(f"could not be run: {', '.join(outcome.failed)}", style="red")
    return 1 if outcome.failed or (arguments.only and outcome.skipped) else 0


@dataclass(slots=True)
class Outcome:
    """What came of the benchmarks that were to be run."""

    rows: list[Row] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Ids of those that raised: one that cannot be run takes no other with it."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Ids of those whose programs are not installed, and the remedy."""


def measure(ids: Sequence[str], effort: Effort, console: Console) -> Outcome:
    outcome = Outcome()
    compile_packages()
    with tempfile.TemporaryDirectory(prefix="insitu-bench-") as root:
        plans = Plans(Path(root) / "plans")
        for id in ids:
            folder = Path(root) / id
            folder.mkdir()
            started_s = time.monotonic()
            try:
                outcome.rows += load(id)(Lab(folder, effort, console, plans))
            except Skipped as error:
                outcome.skipped[id] = str(error)
            except Exception:  # noqa: BLE001 - whatever it is, the others are measured
                console.print(traceback.format_exc(), style="red", markup=False)
                outcome.failed.append(id)
            console.print(f"{id} took {time.monotonic() - started_s:.0f} s", style="dim", highlight=False)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
