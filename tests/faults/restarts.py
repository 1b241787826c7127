"""Restarts, ordered and not, while apps add, predict and schedule, in threads and in processes of their own.

No error reaches an app: the client library waits for a daemon that has been there. An outage that was longer than what
the library promises to wait excuses an error; how long the outages were is noted.
"""

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from client_lib import InsituError, Learning, OneOff, PredictorOptions, TrainerOptions
from client_lib.reaching import why_unreachable
from client_lib.retry import BACKGROUND, INTERACTIVE
from tests.daemon.harness import Daemon, eventually, running
from tests.faults import figures
from tests.faults.writers import Writer, failures_of

WRITERS = 3
MARGIN_S = 0.5
"""The last repetition comes a little before patience ends."""
PACKAGE = "com.example.caller"
SESSIONS_AT_MOST = 200


@dataclass
class Outages:
    """When nobody answered, on the monotonic clock."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    def excuse(self, began_s: float, ended_s: float, patience_s: float) -> bool:
        """Whether a call from then to then fell into an outage beyond its patience."""
        return any(down < ended_s and up > began_s and up - down > patience_s - MARGIN_S for down, up in self.spans)


@dataclass
class Caller:
    """An app that does one thing again and again, and waits for each answer."""

    learning: Learning
    act: Callable[[Learning, int], None]
    answered: int = 0
    errors: list[tuple[float, float, InsituError]] = field(default_factory=list)

    def call(self, stop: threading.Event) -> None:
        number = 0
        while not stop.wait(0.01):
            began_s = time.monotonic()
            try:
                self.act(self.learning, number)
                self.answered += 1
            except InsituError as error:
                self.errors.append((began_s, time.monotonic(), error))
            number += 1

    def failures(self, outages: Outages) -> list[str]:
        found = [
            f"a caller was answered {error.status} after {ended_s - began_s:.1f} s: {error}"
            for began_s, ended_s, error in self.errors
            if not outages.excuse(began_s, ended_s, INTERACTIVE.patience_s)
        ]
        return found + ([] if self.answered else ["a caller was never answered"])


def restart_under_load(count: int, seed: int, plans: Path) -> list[str]:
    """Restart so often, by SIGTERM and SIGKILL in turn; returns what is not as it must be."""
    chance, outages = random.Random(seed), Outages()
    with tempfile.TemporaryDirectory(prefix="restart-") as home, running(Path(home)) as daemon:
        with daemon.connect(daemon.new_app(PACKAGE)) as learning, _writing(daemon, seed) as writers:
            callers = [Caller(learning, _predict(plans / "softmax.plan")), Caller(learning, _schedule(plans))]
            with _calling(callers):
                for number in range(count):
                    time.sleep(chance.uniform(0.0, 0.8))
                    outages.spans.append(_restart(daemon, orderly=number % 2 == 0))
                    answered = [caller.answered for caller in callers]
                    # Patience is for one restart, not for several at once: each caller gets to know this one's end.
                    eventually(partial(_answered_again, callers, answered), timeout_s=60)
        for caller in callers:
            figures.note("calls answered", caller.answered)
        figures.note("longest outage s", max(up - down for down, up in outages.spans))
        failures = [what for caller in callers for what in caller.failures(outages)]
        failures += _lost_sessions(daemon, callers[1].answered)
        for writer in writers:
            failures += [f"{writer.package} gave batch {number} up" for number in writer.uncertain]
            if max(up - down for down, up in outages.spans) > BACKGROUND.patience_s:
                failures.append("an outage was longer than adds are repeated: nothing has been shown")
        return failures + failures_of(daemon, writers)


def _answered_again(callers: Sequence[Caller], before: Sequence[int]) -> bool:
    return all(caller.answered > count for caller, count in zip(callers, before, strict=True))


def _restart(daemon: Daemon, *, orderly: bool) -> tuple[float, float]:
    """From when to when nobody answered."""
    down_s = time.monotonic()
    if orderly:
        assert daemon.stop() == 0
    else:
        daemon.kill()
    daemon.start()
    # The owner's socket opens first.
    eventually(lambda: why_unreachable(daemon.socket) is None)
    return down_s, time.monotonic()


def _predict(plan: Path) -> Callable[[Learning, int], None]:
    def predict(learning: Learning, number: int) -> None:
        model = learning.get_predictor_client(PredictorOptions(plan))
        model.predict({"x": [float(number % 7), 2.0, 3.0, 4.0]})

    return predict


def _schedule(plans: Path) -> Callable[[Learning, int], None]:
    """A new session each time; from some number on the same ones again, which changes nothing."""

    def schedule(learning: Learning, number: int) -> None:
        name = f"session-{number % SESSIONS_AT_MOST}"
        options = TrainerOptions(name, plans / "train.plan", f"artifact:/{name}/params", cadence=OneOff())
        learning.get_trainer_client(options).schedule()

    return schedule


def _lost_sessions(daemon: Daemon, scheduled: int) -> list[str]:
    with daemon.control() as control:
        names = [one.status.options.session for one in control.sessions().sessions]
    failures = [] if len(names) == len(set(names)) else ["a session is there twice"]
    if len(names) < min(scheduled, SESSIONS_AT_MOST):
        failures.append(f"{scheduled} sessions were scheduled, {len(names)} are there")
    return failures


@contextmanager
def _calling(callers: Sequence[Caller]) -> Iterator[None]:
    stop = threading.Event()
    with ThreadPoolExecutor(len(callers)) as pool:
        ends = [pool.submit(caller.call, stop) for caller in callers]
        try:
            yield
        finally:
            stop.set()
        for end in ends:
            end.result()


@contextmanager
def _writing(daemon: Daemon, seed: int) -> Iterator[list[Writer]]:
    """Patient writers, each in a process of its own. What they were told is in them once they have ended."""
    writers = [
        Writer(daemon, daemon.new_app(f"com.example.writer{number}"), True, seed * 100 + number)
        for number in range(WRITERS)
    ]
    command = [sys.executable, "-m", "tests.faults.restarts"]
    processes = [
        subprocess.Popen(
            [*command, str(daemon.home), str(writer.credentials), str(writer.seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for writer in writers
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "connected\n"
        yield writers
        for writer, process in zip(writers, processes, strict=True):
            told, _ = process.communicate("", timeout=60)
            acknowledged, uncertain, errors = json.loads(told)
            writer.acknowledged |= {int(number): size for number, size in acknowledged.items()}
            writer.uncertain |= {int(number): size for number, size in uncertain.items()}
            writer.errors |= set(errors)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _write(home: str, credentials: str, seed: str) -> None:
    """A writer's process: until its standard input ends."""
    writer = Writer(Daemon(Path(home)), Path(credentials), True, int(seed))
    stop = threading.Event()
    thread = threading.Thread(target=writer.write, args=(stop,))
    thread.start()
    assert writer.connected.wait(30)
    print("connected", flush=True)
    sys.stdin.read()
    stop.set()
    thread.join()
    print(json.dumps([writer.acknowledged, writer.uncertain, sorted(writer.errors)]), flush=True)


if __name__ == "__main__":
    _write(*sys.argv[1:])
