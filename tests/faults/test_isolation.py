"""What a graph does to its process it does to its own app, and for a while."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from client_lib import DeadlineExceeded, InsituError, InvalidArgument, Learning, PredictorOptions, Unavailable
from client_lib.predictor import PredictorClient
from tests.daemon.harness import Daemon, eventually, running
from tests.faults.evidence import children, ended_in_order
from tests.faults.plans import CALM, CRASHES, EATS, HANGS

pytestmark = pytest.mark.faults

ZEROS = {"x": [0.0, 0.0, 0.0, 0.0]}
POSITIVE = {"x": [1.0, 2.0, 3.0, 4.0]}
HARM = {CRASHES: POSITIVE, EATS: POSITIVE, HANGS: {"x": [1e9, 0.0, 0.0, 0.0]}}
SLOW = {"x": [60_000.0, 0.0, 0.0, 0.0]}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("i")) as started:
        yield started
        assert ended_in_order(started) == []


def predictor(learning: Learning, plans: Path, name: str) -> PredictorClient:
    return learning.get_predictor_client(PredictorOptions(plan=plans / f"{name}.plan"))


def worker_of(daemon: Daemon, package: str) -> tuple[int, int]:
    """Process id, 0 where there is none, and how often it was started anew."""
    with daemon.control() as control:
        found = [one for one in control.status().processes if one.role == "worker" and one.package == package]
    return (int(found[0].pid), found[0].restarts) if found else (0, 0)


@contextmanager
def neighbour(daemon: Daemon, plans: Path) -> Iterator[None]:
    """Another app, which predicts all the while and is always answered, and by the same worker."""
    package = "com.example.neighbour"
    stop, answers = threading.Event(), 0

    def predict() -> int:
        count = 0
        while not stop.is_set():
            assert sum(model.predict(POSITIVE)["probabilities"].values) == pytest.approx(1.0)
            count += 1
        return count

    with daemon.connect(daemon.app(package)) as learning, ThreadPoolExecutor(1) as pool:
        model = predictor(learning, plans, "softmax")
        model.load()
        worker = worker_of(daemon, package)
        task = pool.submit(predict)
        try:
            yield
        finally:
            stop.set()
            answers = task.result(30)
        assert worker_of(daemon, package) == worker
    assert answers > 0


@pytest.mark.parametrize(
    ("plan", "error"), [(CRASHES, Unavailable), (HANGS, DeadlineExceeded), (EATS, InvalidArgument)]
)
def test_a_hostile_graph_harms_no_other_app_and_its_own_recovers(
    daemon: Daemon, plans: Path, plan: str, error: type[InsituError]
) -> None:
    with daemon.connect(daemon.app(f"com.example.{plan}s")) as learning, neighbour(daemon, plans):
        hostile, calm = predictor(learning, plans, plan), predictor(learning, plans, CALM)
        assert hostile.predict(ZEROS)["score"].values == [0.0]
        for _ in range(2):
            with pytest.raises(error):
                hostile.predict(HARM[plan])
        eventually(lambda: answers(calm), 40.0)
        assert calm.predict(POSITIVE)["score"].values == [10.0]


def answers(model: PredictorClient) -> bool:
    try:
        model.predict(POSITIVE)
    except Unavailable:
        return False
    return True


def test_an_app_whose_worker_keeps_dying_is_backed_off(daemon: Daemon, plans: Path) -> None:
    package = "com.example.stubborn"
    with daemon.connect(daemon.app(package)) as learning, neighbour(daemon, plans):
        hostile = predictor(learning, plans, CRASHES)
        reasons, until = set(), time.monotonic() + 20.0
        while time.monotonic() < until and "WORKER_BACKOFF" not in reasons:
            with pytest.raises(Unavailable) as caught:
                hostile.predict(POSITIVE)
            reasons.add(caught.value.reason)
        assert "WORKER_BACKOFF" in reasons
        with pytest.raises(Unavailable, match="the plan's graph may be at fault"):
            hostile.predict(POSITIVE)
        eventually(lambda: answers(predictor(learning, plans, CALM)), 40.0)
        _, restarts = worker_of(daemon, package)
        assert restarts < 12


def test_a_flood_of_hanging_predictions_is_ended_and_harms_no_other_app(daemon: Daemon, plans: Path) -> None:
    """All of them hang the same worker: one is ended at its deadline, and all that wait behind it with it."""
    package = "com.example.hanging.flood"
    with daemon.connect(daemon.app(package)) as learning, neighbour(daemon, plans):
        hostile, told = predictor(learning, plans, HANGS), Counter[str]()
        hostile.predict(ZEROS)

        def hang(_: int) -> None:
            try:
                hostile.predict(HARM[HANGS])
            except (DeadlineExceeded, Unavailable) as error:
                told[error.reason] += 1

        with ThreadPoolExecutor(60) as pool:
            began_s = time.monotonic()
            list(pool.map(hang, range(120)))
        assert told.total() == 120
        assert told["DEADLINE_EXCEEDED"] >= 1
        assert time.monotonic() - began_s < 60.0
        _, restarts = worker_of(daemon, package)
        assert restarts < 12
        eventually(lambda: answers(predictor(learning, plans, CALM)), 40.0)


def test_killed_workers_are_replaced_unnoticed(daemon: Daemon, plans: Path) -> None:
    package, chance = "com.example.unlucky", random.Random(11)
    with daemon.connect(daemon.app(package)) as learning, neighbour(daemon, plans):
        model = predictor(learning, plans, "softmax")
        for _ in range(2):
            model.predict(POSITIVE)
            with ThreadPoolExecutor(4) as pool:
                tasks = [pool.submit(model.predict, POSITIVE) for _ in range(200)]
                time.sleep(chance.uniform(0.0, 0.05))
                os.kill(worker_of(daemon, package)[0], signal.SIGKILL)
                for task in tasks:
                    assert len(task.result(30)["probabilities"].values) == 3


def test_many_slow_calls_at_once_are_no_hanging_graph(daemon: Daemon, plans: Path) -> None:
    """Together they take longer than one may."""
    package = "com.example.crowd"
    with daemon.connect(daemon.app(package)) as learning:
        model = predictor(learning, plans, HANGS)
        model.predict(SLOW)
        began = worker_of(daemon, package)
        with ThreadPoolExecutor(50) as pool:
            for result in [pool.submit(model.predict, SLOW) for _ in range(50)]:
                assert result.result(60)["score"].values == [60_000.0]
        assert worker_of(daemon, package) == began


def test_forgetting_an_app_while_it_predicts_leaves_one_worker_at_most(daemon: Daemon, plans: Path) -> None:
    package, stop = "com.example.forgotten", threading.Event()
    others = len(children(daemon))
    with daemon.connect(daemon.new_app(package, context=("power",))) as learning:
        model = predictor(learning, plans, "softmax")
        model.predict(POSITIVE)

        def predict() -> None:
            while not stop.is_set():
                answers(model)

        with ThreadPoolExecutor(2) as pool, daemon.control() as control:
            tasks = [pool.submit(predict) for _ in range(2)]
            chance = random.Random(4)
            for _ in range(12):
                control.set_permission(package, "power", granted=True)
                time.sleep(chance.uniform(0.0, 0.4))
                control.set_permission(package, "power", granted=False)
            stop.set()
            for task in tasks:
                task.result(30)
        eventually(lambda: len(children(daemon)) <= others + 1)
