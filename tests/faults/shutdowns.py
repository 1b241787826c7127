"""SIGTERM while apps write and predict and a session trains."""

import random
import tempfile
import time
from pathlib import Path

from tests.daemon.harness import running
from tests.faults.evidence import children
from tests.faults.trainees import trainee
from tests.faults.writers import failures_of, writing

SHUTDOWN_S = 10.0
APPS = 4


def stop_under_load(count: int, seed: int, plan: Path) -> list[str]:
    """Stop and start it so often, at any moment of a run; returns what is not as it must be."""
    chance, failures = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="stop-") as home, running(Path(home)) as daemon:
        with trainee(daemon, plan) as app, writing(daemon, APPS, seed) as writers:
            for _ in range(count):
                app.schedule()
                # From before the trainer has started to the midst of its work.
                time.sleep(chance.uniform(0.0, 1.5))
                began_s = time.monotonic()
                status = daemon.stop()
                took_s = time.monotonic() - began_s
                if status != 0 or took_s > SHUTDOWN_S:
                    failures.append(f"it ended with status {status} after {took_s:.1f} s")
                failures += [f"process {child.pid} stayed behind" for child in children(daemon)]
                daemon.start()
                daemon.idle_and_charging(True)
            for number in range(2, app.sessions + 1):
                failures += app.failures_of(f"session-{number}")
        return failures + failures_of(daemon, writers)
