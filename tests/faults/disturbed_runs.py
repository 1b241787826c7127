"""K5: SIGKILL the trainer, or the primary, at any point of a run; unplug the device and plug it in again."""

import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from client_lib import SessionState
from tests.daemon.harness import eventually, running
from tests.faults.evidence import ended_in_order
from tests.faults.plans import CHECKPOINT_STEPS
from tests.faults.trainees import Trainee, is_over, trainee


def disturb_trainers(count: int, seed: int, plan: Path) -> list[str]:
    """Kill the trainer or change the conditions so often; returns what is not as it must be."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="k5-") as home, running(Path(home)) as daemon:
        with trainee(daemon, plan) as app:
            failures, left = [], count
            while left:
                session = app.schedule()
                left = _disturb(app, session, left, chance)
                failures += app.failures_of(session)
            failures += app.litter()
        return failures + ended_in_order(daemon)


def kill_primaries(count: int, seed: int, plan: Path) -> list[str]:
    """Kill the primary so often while a session trains, every other time about when it commits."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="k5-") as home, running(Path(home)) as daemon:
        with trainee(daemon, plan) as app:
            failures = []
            for number in range(count):
                session = app.schedule()
                if number % 2:
                    _wait_for_the_end_of_training(app, session)
                    time.sleep(chance.uniform(0.0, 0.06))
                else:
                    time.sleep(chance.uniform(0.0, app.undisturbed_s))
                daemon.kill()
                daemon.start()
                daemon.idle_and_charging(True)
                failures += app.failures_of(session)
            failures += app.litter()
        return failures + ended_in_order(daemon)


def _disturb(app: Trainee, session: str, left: int, chance: random.Random) -> int:
    """Until the session is over or enough is done; returns how many disturbances are left to be done."""
    seen_step, at_start = 0, False
    while left:
        # A trainer that is killed before it gets any further three times in a row is given up, and rightly so.
        at_start = not at_start and chance.random() < 0.3
        if not (_wait_for_trainer(app, session) if at_start else _wait_for_step(app, session, seen_step)):
            return left
        time.sleep(chance.uniform(0.0, 0.2))
        if chance.random() < 0.7:
            with suppress(ProcessLookupError):
                os.kill(app.trainer_pid() or _nobody(), signal.SIGKILL)
        else:
            app.daemon.idle_and_charging(False)
            eventually(lambda: not app.trainer_pid())
            app.daemon.idle_and_charging(True)
        seen_step = max(seen_step, app.status(session).step)
        left -= 1
    return left


def _nobody() -> int:
    raise ProcessLookupError


def _wait_for_trainer(app: Trainee, session: str) -> bool:
    return _wait(app, session, lambda: bool(app.trainer_pid()))


def _wait_for_step(app: Trainee, session: str, seen_step: int) -> bool:
    """Whether the run got further than a checkpoint behind `seen_step`, and is not over."""
    return _wait(app, session, lambda: app.status(session).step >= seen_step + CHECKPOINT_STEPS)


def _wait_for_the_end_of_training(app: Trainee, session: str) -> None:
    _wait(app, session, lambda: app.status(session).state is SessionState.EVALUATING)


def _wait(app: Trainee, session: str, condition) -> bool:  # type: ignore[no-untyped-def]
    reached = False

    def look() -> bool:
        nonlocal reached
        reached = condition()
        return reached or is_over(app.status(session))

    eventually(look, 60.0)
    return reached
