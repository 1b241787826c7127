"""A daemon that is led through everything with values that must not be repeated: its log and its metrics have none."""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import plyvel
import psutil
import pytest

from client_lib import CollectionOptions, ContextType, InsituError, Learning, OneOff, PredictorOptions, TrainerOptions
from client_lib.tasks import Task
from insitu.v1.example_pb2 import Features
from platform_daemon.logs.fields import FIELDS
from platform_daemon.store import layout
from tests.daemon.harness import SCRIPTED, Daemon, eventually, running
from tests.daemon.test_training import points
from tests.faults.evidence import children

CANARY = "kanarienvogel"
NUMBER = 47_114_711
PACKAGE = "com.example.logged"
WORDS = f"{CANARY}-words"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp(CANARY), f'{SCRIPTED}[daemon]\nlog_level = "debug"\n') as started:
        yield started


def refused(call: Callable[..., object], *arguments: object, **named: object) -> None:
    """Call what the daemon must refuse."""

    def outcome() -> None:
        answer = call(*arguments, **named)
        if isinstance(answer, Task):
            answer.result()

    with pytest.raises((InsituError, ValueError, TypeError)):
        outcome()


def collect(learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions(WORDS, max_examples=50, context=[ContextType.POWER]))
    examples = [{CANARY: CANARY, "n": NUMBER, "x": [NUMBER + 0.25]} for _ in range(60)]
    words.add_many(examples, account=f"{CANARY}@example.org").result()
    refused(words.add, {CANARY: object()})
    words.stats()
    refused(learning.get_collection_client, CollectionOptions(f"{CANARY} {NUMBER}"))


def predict(learning: Learning, plans: Path) -> None:
    (plan,) = plans.rglob("*.infer.plan")
    predictor = learning.get_predictor_client(PredictorOptions(plan))
    predictor.predict({"x": [float(NUMBER), 0.5], CANARY: CANARY})
    refused(predictor.predict, {"x": [CANARY, CANARY]})
    refused(predictor.predict, {CANARY: NUMBER})
    required = PredictorOptions(plan, f"artifact:/{CANARY}/params", parameters_required=True)
    refused(learning.get_predictor_client(required).predict, {"x": [0.5, 0.5]})
    refused(learning.get_predictor_client(PredictorOptions(f"mrepo:/{CANARY}/x")).predict, {"x": [0.5, 0.5]})
    refused(learning.get_predictor_client(PredictorOptions(CANARY.encode())).predict, {"x": [0.5, 0.5]})


def trainer_options(plans: Path, session: str) -> TrainerOptions:
    (plan,) = plans.rglob("*.train.plan")
    return TrainerOptions(session, plan, output=f"artifact:/{session}/params", cadence=OneOff())


def train(daemon: Daemon, learning: Learning, plans: Path) -> None:
    learning.get_collection_client(CollectionOptions("points")).add_many(points(200, seed=1)).result()
    trainer = learning.get_trainer_client(trainer_options(plans, f"{CANARY}-session"))
    trainer.schedule()
    daemon.idle_and_charging()
    eventually(lambda: bool(trainer.status().output_version), timeout_s=60)
    daemon.idle_and_charging(False)


def trouble(daemon: Daemon) -> None:
    """What strangers send, and what goes wrong by itself."""
    for name in ("insitu.sock", "control.sock"):
        for first in (b"GET /%s HTTP/1.1\r\n\r\n", b"INSITU/1%s", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n%s", b"%s"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(daemon.socket.with_name(name)))
                stranger.sendall(first % (CANARY.encode() * 20))
    with daemon.control() as control:
        features = Features()
        features.feature[CANARY].int64_list.value.append(NUMBER)
        refused(control.set_scripted_context, "power", features)
        refused(control.set_scripted_context, CANARY, features)
        refused(control.set_consent, f"com.{CANARY}", given=True)
        refused(control.set_permission, PACKAGE, f"power.{CANARY}", granted=True)
        refused(control.clear_data, PACKAGE, CANARY)
    victims = children(daemon)
    assert victims
    for process in victims:
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not children(daemon) or all(p.status() == psutil.STATUS_ZOMBIE for p in children(daemon)))


def forge_an_example(daemon: Daemon) -> None:
    """While the daemon is stopped."""
    place = daemon.place(PACKAGE, "points")
    database = plyvel.DB(str(daemon.home / "state" / "examples" / "examples"))
    key, value = next(database.iterator(prefix=layout.example_prefix(place.enclave, place.collection)))
    database.put(key, value[: -len(CANARY)] + CANARY.encode())
    database.close()


def lose_a_column(daemon: Daemon) -> None:
    """SQLite complains of it by name."""
    with sqlite3.connect(daemon.home / "state" / "artifacts.db") as connection:
        connection.execute(f"ALTER TABLE uploads RENAME COLUMN used_ms TO {CANARY}")


def test_the_log_repeats_nothing_of_what_it_is_told(daemon: Daemon, charging_plans: Path) -> None:
    credentials = daemon.new_app(PACKAGE, context=("power",))
    secrets = [value for value in json.loads(credentials.read_text()).values() if isinstance(value, str)]
    daemon.set_context("activity", user_idle=0)
    with daemon.connect(credentials) as learning:
        collect(learning)
        predict(learning, charging_plans)
        train(daemon, learning, charging_plans)
        predict(learning, charging_plans)  # so that there is a worker to be killed
        trouble(daemon)
        with daemon.control() as control:
            metrics = control.metrics()
            control.set_permission(PACKAGE, "power", granted=False)
            control.clear_data(PACKAGE, WORDS, f"{CANARY}@example.org")
    assert daemon.stop() == 0
    forge_an_example(daemon)
    daemon.start()
    with daemon.connect(credentials) as learning:
        daemon.idle_and_charging()
        learning.get_trainer_client(trainer_options(charging_plans, f"{CANARY}-2")).schedule()
        eventually(lambda: "record_quarantined" in daemon.log.read_text())
        lose_a_column(daemon)
        learning.get_trainer_client(trainer_options(charging_plans, f"{CANARY}-3")).schedule()
        eventually(lambda: "OperationalError" in daemon.log.read_text())
    with daemon.control() as control:
        metrics += control.metrics()
    daemon.kill()

    log = daemon.log.read_text()
    entries = [json.loads(line) for line in log.splitlines()]
    told = log + metrics
    assert CANARY not in told.lower()
    assert str(NUMBER) not in told
    assert os.fspath(daemon.home) not in told
    assert not [secret for secret in secrets if len(secret) > 20 and secret in told]
    assert {field for entry in entries for field in entry} <= {"time", "level", "event", *FIELDS}
    seen = {entry["event"] for entry in entries}
    assert {
        "daemon_started",
        "call_ended",
        "child_ended",
        "training_ended",
        "defect",
        "record_quarantined",
        "daemon_stopped",
    } <= seen
