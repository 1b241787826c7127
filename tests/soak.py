"""Run as `python -m tests.soak [--only K1,K5] [--times 10] [--seed N]`: every fault loop at ten times the counts of
continuous integration. Writes build/soak.json; exit status 1 where anything was not as it must be."""

import argparse
import json
import sys
import tempfile
import traceback
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.loops import LOOPS, FaultLoop
from tests.faults.plans import fault_plans

REPORT = Path("build/soak.json")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--only", default="", help="ids, separated by commas")
    parser.add_argument("--times", type=int, default=10, help="how many times the counts of continuous integration")
    parser.add_argument("--seed", type=int, default=1000, help="the first of the seeds; equal seeds, equal faults")
    arguments = parser.parse_args(argv)
    wanted = set(filter(None, arguments.only.split(",")))
    if unknown := wanted - {loop.id for loop in LOOPS}:
        parser.error(f"--only: {sorted(unknown)} are none of {', '.join(loop.id for loop in LOOPS)}")
    chosen = [loop for loop in LOOPS if not wanted or loop.id in wanted]
    rows = _soak(chosen, arguments.times, arguments.seed)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["pass"] for row in rows) else 1


def _soak(loops: list[FaultLoop], times: int, first_seed: int) -> list[dict[str, object]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as progress:
        plans = fault_plans(Path(folder))
        tasks = {loop.id: progress.add_task(loop.id, total=times * loop.parts, start=False) for loop in loops}
        for loop in loops:
            progress.start_task(tasks[loop.id])
            failures = 0
            for seed in range(first_seed, first_seed + times * loop.parts):
                found = _run(loop, seed, plans)
                failures += len(found)
                for line in found:
                    progress.console.print(f"{loop.id}, seed {seed}: {line}", markup=False, highlight=False)
                progress.advance(tasks[loop.id])
            count = times * loop.parts * loop.count
            rows.append({"id": loop.id, "what": loop.what, "count": count, "failures": failures, "pass": failures == 0})
    return rows


def _run(loop: FaultLoop, seed: int, plans: Path) -> list[str]:
    try:
        return loop.run(loop.count, seed, plans)
    except Exception:  # noqa: BLE001 - whatever a loop trips over is a finding, and the others still run
        return [traceback.format_exc()]


if __name__ == "__main__":
    sys.exit(main())
