"""Run as `python -m tests.faults.part ID COUNT SEED PLANS`: one part of a fault loop, in a process to be given up.

Prints one JSON object: `failures`, a line for each thing that is not as it must be, and `figures`, what was measured.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import figures
from tests.faults.loops import LOOPS, FaultLoop

_TAIL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Findings:
    failures: list[str]
    figures: dict[str, float] = field(default_factory=dict)


def run_apart(loop: FaultLoop, count: int, seed: int, plans: Path) -> Findings:
    """Run a part in a process of its own, which is ended with all that it started once its time is up."""
    command = [sys.executable, "-m", "tests.faults.part", loop.id, str(count), str(seed), str(plans)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, complaints = process.communicate(timeout=loop.bound_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Findings([f"not over after {loop.bound_s:g} s"])
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.returncode:
        return Findings([f"ended with status {process.returncode}: {complaints[-_TAIL_CHARACTERS:]}"])
    found = json.loads(out.splitlines()[-1])
    return Findings(found["failures"], found["figures"])


def main(arguments: list[str]) -> int:
    name, count, seed, plans = arguments
    loop = next(one for one in LOOPS if one.id == name)
    try:
        failures = loop.run(int(count), int(seed), Path(plans))
    except Exception:  # noqa: BLE001 - whatever a loop trips over is a finding
        failures = [traceback.format_exc()]
    print(json.dumps({"failures": failures, "figures": figures.noted()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
