"""K8: silent connections and a flooding app, beside one that does nothing unusual."""

import itertools
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from client_lib import CollectionOptions, InsituError, Learning, PredictorOptions
from tests.daemon.harness import Daemon, running
from tests.faults.evidence import ended_in_order
from tests.faults.figures import note
from tests.faults.normal_app import LEAST_CALLS

SILENT = 200
FLOODERS = 6
FIRST_WORDS = (b"", b"PRI * HT", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)))
EXPECTED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
"""What a flooding app may be told."""
BAD_REQUESTS = {"UNAUTHENTICATED", "INVALID_ARGUMENT"}
"""What it is told of sessions and registrations that it made up."""


def serve_beside_a_flood(count: int, seed: int, plan: Path) -> list[str]:
    """A normal app makes so many calls of each kind; returns what was not answered as it must be."""
    with tempfile.TemporaryDirectory(prefix="k8-") as home, running(Path(home)) as daemon:
        with silence(daemon, seed), flood(daemon, plan) as failures:
            failures.extend(_normal_calls(daemon, count, plan))
        return failures + ended_in_order(daemon)


def serve_as_before(count: int, seed: int, plan: Path, transport: str) -> list[str]:
    """A normal app, in a process of its own, for so many seconds alone, and then beside a flood in another process.

    Returns what it or the flooding app was told that it should not be, and notes how much slower it was served."""
    with tempfile.TemporaryDirectory(prefix="k8-") as home, running(Path(home)) as daemon:
        keys = daemon.new_app("com.example.flooding")
        alone = _normal_app(daemon, plan, transport, count)
        with silence(daemon, seed), _flooding_app(daemon, keys, plan, transport) as told:
            beside = _normal_app(daemon, plan, transport, count)
        note(f"{transport}: p99 beside a flood, as multiple of p99 alone", beside.p99_s / alone.p99_s)
        note(f"{transport}: p99 alone in ms", alone.p99_s * 1000)
        note(f"{transport}: p99 beside a flood in ms", beside.p99_s * 1000)
        failures = [*alone.failures, *beside.failures, *_unexpected(told)]
        # How fast is the figures' business: on a busy machine it is anybody's guess.
        if beside.calls < LEAST_CALLS:
            failures.append(f"beside a flood {beside.calls} calls were served, alone {alone.calls}")
        return failures + ended_in_order(daemon)


@dataclass(frozen=True, slots=True)
class Served:
    """What a normal app saw."""

    failures: list[str]
    calls: int
    p99_s: float


def _normal_app(daemon: Daemon, plan: Path, transport: str, seconds: int) -> Served:
    keys = daemon.app("com.example.normal")
    command = [sys.executable, "-m", "tests.faults.normal_app", daemon.socket, keys, plan, transport, seconds]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return Served([f"the normal app ended: {done.stderr[-1000:]}"], 1, 1.0)
    seen = json.loads(done.stdout)
    latencies_s = sorted(itertools.chain.from_iterable(seen["latencies_s"].values()))
    return Served(seen["failures"], len(latencies_s), latencies_s[len(latencies_s) * 99 // 100])


@contextmanager
def _flooding_app(daemon: Daemon, keys: Path, plan: Path, transport: str) -> Iterator[dict[str, int]]:
    """Yields what the app was told, which is known in the end."""
    command = [sys.executable, "-m", "tests.faults.flooding_app", daemon.socket, keys, plan, transport]
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    told: dict[str, int] = {}
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "flooding\n"
        yield told
        told.update(json.loads(process.communicate("", timeout=60)[0]))
    finally:
        process.kill()
        process.wait()


def _unexpected(told: dict[str, int]) -> Iterator[str]:
    for answer, times in told.items():
        if answer != "OK" and answer.split()[0] not in EXPECTED | BAD_REQUESTS:
            yield f"the flooding app was answered {answer} {times} times"
    if not told.get("RESOURCE_EXHAUSTED TOO_MANY_CALLS"):
        yield f"the flooding app was never told to stop, but {told}"


def _normal_calls(daemon: Daemon, count: int, plan: Path) -> list[str]:
    failures = []
    for number in range(count):
        # A connection of its own each time: whoever comes late is served too.
        with daemon.connect(daemon.app("com.example.normal")) as learning:
            try:
                words = learning.get_collection_client(CollectionOptions("words"))
                words.add({"n": number}).result()
                stored = words.stats().examples
                answer = learning.get_predictor_client(PredictorOptions(plan)).predict({"x": [1.0, 2.0, 3.0, 4.0]})
            except InsituError as error:
                failures.append(f"call {number} was answered {error.status}: {error}")
                continue
        if stored != number + 1 or len(answer["probabilities"].values) != 3:
            failures.append(f"call {number} was answered {stored} examples and {answer}")
    return failures


@contextmanager
def silence(daemon: Daemon, seed: int) -> Iterator[None]:
    """Connections that say nothing, or nothing that makes sense."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        for _ in range(SILENT):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(5)
            connection.connect(str(daemon.socket))
            connection.sendall(chance.choice(FIRST_WORDS))
        yield


@contextmanager
def flood(daemon: Daemon, plan: Path) -> Iterator[list[str]]:
    """One app sends all that it can over several connections. Yields what it was told that nobody should be."""
    stop, told = threading.Event(), list[str]()
    keys = daemon.new_app("com.example.flooding")
    blob = "x" * 2000

    def pour(work: Callable[[Learning], object]) -> None:
        while not stop.is_set():
            with daemon.connect(keys) as learning:
                while not stop.is_set():
                    try:
                        work(learning)
                    except InsituError as error:
                        if error.status not in EXPECTED:
                            told.append(f"the flooding app was answered {error.status}: {error}")

    def add(learning: Learning) -> None:
        words = learning.get_collection_client(CollectionOptions("words", max_examples=5000))
        words.add_many({"text": blob, "n": n} for n in range(3000)).result()

    def predict(learning: Learning) -> None:
        model = learning.get_predictor_client(PredictorOptions(plan))
        model.predict_many([{"x": [1.0, 2.0, 3.0, 4.0]}] * 2000)

    def come_and_go(learning: Learning) -> None:
        with daemon.connect(keys) as other:
            other.get_collection_client("words")

    with ThreadPoolExecutor(FLOODERS) as pool:
        tasks = [pool.submit(pour, (add, predict, come_and_go)[number % 3]) for number in range(FLOODERS)]
        try:
            yield told
        finally:
            stop.set()
        for task in tasks:
            task.result()
