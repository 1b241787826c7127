"""K1: SIGKILL the primary while eight apps write."""

import random
import tempfile
import time
from pathlib import Path

from tests.daemon.harness import running
from tests.faults.writers import failures_of, writing

APPS = 8


def kill_while_apps_write(count: int, seed: int) -> list[str]:
    """Kill it so often, some times before it has opened its sockets; returns what is not as it must be."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="k1-") as home, running(Path(home)) as daemon:
        with writing(daemon, APPS, seed) as writers:
            for _ in range(count):
                if chance.random() < 0.25:
                    daemon.kill()
                    daemon.launch()
                    time.sleep(chance.uniform(0.1, 1.2))
                else:
                    time.sleep(chance.uniform(0.05, 0.8))
                daemon.kill()
                daemon.start()
        return failures_of(daemon, writers)
