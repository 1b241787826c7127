"""K14: an engine of another project is hostile, in the worker and in the trainer of a daemon at work."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib import CollectionOptions, InvalidArgument, OneOff, PredictorOptions, SessionState, TrainerOptions
from tests.daemon.harness import Daemon, eventually
from tests.faults.evidence import ended_in_order
from tests.faults.plans import COLLECTION, points
from tests.faults.plugins import environment_with_plugin, hostile_plans

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("p")
    started = Daemon(folder / "home")
    started.command = [environment_with_plugin(folder / "venv")]
    started.start()
    yield started
    assert ended_in_order(started) == []


@pytest.fixture(scope="module")
def secrets(daemon: Daemon) -> list[Path]:
    """All that the daemon keeps, its sockets, its owner's files, and a place for a new one."""
    with daemon.connect(daemon.app("com.example.hostile")) as learning:
        words = learning.get_collection_client(CollectionOptions(COLLECTION))
        words.add_many(points(50)).result()
    kept = [path for path in (daemon.home / "state").rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in kept), "no store"
    assert any("key" in path.name for path in kept), "no keys"
    return [*kept, daemon.socket, daemon.home / "com.example.hostile.json", daemon.home / "new", Path("/etc/passwd")]


def breaches(message: str, secrets: list[Path]) -> list[str]:
    """What went through, of all that was tried."""
    told = json.loads(message[message.index("{") : message.rindex("}") + 1])
    assert told["attempts"] > 2 * len(secrets) + 15
    return list(told["through"])


def test_a_worker_with_a_hostile_plug_in_reaches_nothing(daemon: Daemon, secrets: list[Path], tmp_path: Path) -> None:
    plan = tmp_path / "inference.plan"
    plan.write_bytes(_plans(daemon, secrets)["inference"])
    with daemon.connect(daemon.app("com.example.hostile")) as learning:
        model = learning.get_predictor_client(PredictorOptions(plan))
        with pytest.raises(InvalidArgument) as refused:
            model.predict({"x": [1.0, 2.0, 3.0, 4.0]})
    assert breaches(str(refused.value), secrets) == []


def test_a_trainer_with_a_hostile_plug_in_reaches_nothing(daemon: Daemon, secrets: list[Path], tmp_path: Path) -> None:
    plan = tmp_path / "training.plan"
    plan.write_bytes(_plans(daemon, secrets)["training"])
    daemon.idle_and_charging(True)
    with daemon.connect(daemon.app("com.example.hostile")) as learning:
        options = TrainerOptions("hostile", plan, "artifact:/hostile/params", cadence=OneOff())
        trainer = learning.get_trainer_client(options)
        trainer.schedule()
        eventually(lambda: bool(trainer.status().attempts) and trainer.status().attempts[0].ended_ms > 0, 30.0)
        (attempt, *_) = trainer.status().attempts
    assert attempt.outcome is SessionState.FAILED
    assert breaches(attempt.reason, secrets) == []


def _plans(daemon: Daemon, secrets: list[Path]) -> dict[str, bytes]:
    assert daemon.process is not None
    return {name: plan.SerializeToString() for name, plan in hostile_plans(secrets, daemon.process.pid).items()}
