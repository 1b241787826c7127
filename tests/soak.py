"""Run as `python -m tests.soak [--only K1,K5] [--times 10] [--seed N]`: every fault loop at ten times the counts of
continuous integration. Writes build/soak.json after each loop; exit status 1 where anything was not as it must be.

`--only K5` takes K5 and all loops whose ids begin with `K5-`.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults.loops import LOOPS, FaultLoop
from tests.faults.part import Findings, run_apart
from tests.faults.plans import fault_plans

REPORT = Path("build/soak.json")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--only", default="", help="ids, separated by commas")
    parser.add_argument("--times", type=int, default=10, help="how many times the counts of continuous integration")
    parser.add_argument("--seed", type=int, default=1000, help="the first of the seeds; equal seeds, equal faults")
    arguments = parser.parse_args(argv)
    wanted = set(filter(None, arguments.only.split(",")))
    if unknown := {one for one in wanted if not any(loop.is_called(one) for loop in LOOPS)}:
        parser.error(f"--only: {sorted(unknown)} are none of {', '.join(loop.id for loop in LOOPS)}")
    chosen = [loop for loop in LOOPS if not wanted or any(loop.is_called(one) for one in wanted)]
    rows = _soak(chosen, arguments.times, arguments.seed)
    return 0 if all(row["pass"] for row in rows) else 1


def _soak(loops: list[FaultLoop], times: int, first_seed: int) -> list[dict[str, object]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    rows: list[dict[str, object]] = []
    REPORT.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress,
    ):
        plans = fault_plans(Path(folder))
        tasks = {loop.id: progress.add_task(loop.id, total=times * loop.parts, start=False) for loop in loops}
        for loop in loops:
            progress.start_task(tasks[loop.id])
            found: list[Findings] = []
            for seed in range(first_seed, first_seed + times * loop.parts):
                part = run_apart(loop, loop.count, seed, plans)
                found.append(part)
                for line in part.failures:
                    progress.console.print(f"{loop.id}, seed {seed}: {line}", markup=False, highlight=False)
                progress.advance(tasks[loop.id])
            rows.append(row_of(loop, found))
            REPORT.write_text(json.dumps(rows, indent=2) + "\n")
    return rows


def row_of(loop: FaultLoop, found: list[Findings]) -> dict[str, object]:
    """What the report says of a loop: the worst of each figure, and a failure more for each over its limit."""
    figures: dict[str, float] = {}
    for part in found:
        for name, value in part.figures.items():
            figures[name] = max(value, figures.get(name, value))
    failures = sum(len(part.failures) for part in found)
    failures += sum(figures.get(name, 0.0) > limit for name, limit in loop.limits.items())
    row: dict[str, object] = {"id": loop.id, "what": loop.what, "count": len(found) * loop.count, "failures": failures}
    row["pass"] = failures == 0
    if figures:
        row |= {"figures": figures, "limits": dict(loop.limits)}
    return row


if __name__ == "__main__":
    sys.exit(main())
