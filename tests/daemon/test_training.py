"""Learning on the device, as an app and its user see it: the real trainer, the real store, a scripted device."""

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from client_lib import (
    CollectionOptions,
    ContextType,
    Continuous,
    FailedPrecondition,
    InvalidArgument,
    Learning,
    NotFound,
    OneOff,
    PredictorClient,
    PredictorOptions,
    SessionState,
    Times,
    TrainerClient,
    TrainerOptions,
)
from insitu.v1.plan_pb2 import Plan
from tests.daemon.harness import Daemon, eventually

PARAMETERS = "artifact:/points/params"
NUMBERS = itertools.count()


def points(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Class 0, 1 or 2 by where the point lies."""
    draw = random.Random(seed)
    for _ in range(count):
        x = [draw.uniform(-1, 1), draw.uniform(-1, 1)]
        yield {"x": x, "label": 0 if x[0] + x[1] > 0.4 else 1 if x[0] > x[1] else 2}


class App:
    """One app with its three clients."""

    def __init__(self, daemon: Daemon, learning: Learning, plans: Path, package: str) -> None:
        self.daemon = daemon
        self.package = package
        self.learning = learning
        (self.train_plan,), (self.infer_plan,) = plans.rglob("*.train.plan"), plans.rglob("*.infer.plan")
        self.collection = learning.get_collection_client(CollectionOptions("points", context=[ContextType.POWER]))

    def collect(self, count: int = 300) -> None:
        self.collection.add_many(points(count, seed=1)).result()

    def trainer(self, cadence: object = None, **changes: object) -> TrainerClient:
        options = {"plan": self.train_plan, "output": PARAMETERS, "cadence": cadence or OneOff(), **changes}
        return self.learning.get_trainer_client(TrainerOptions("points", **options))  # type: ignore[arg-type]

    def predictor(self) -> PredictorClient:
        return self.learning.get_predictor_client(PredictorOptions(plan=self.infer_plan, parameters=PARAMETERS))

    def accuracy(self) -> float:
        rows = list(points(200, seed=2))
        outputs = self.predictor().predict_many([{"x": row["x"]} for row in rows]).outputs["probabilities"]
        values, classes = list(outputs.values), outputs.shape[1]
        guesses = [max(range(classes), key=values[i * classes : (i + 1) * classes].__getitem__) for i in range(200)]
        return sum(guess == row["label"] for guess, row in zip(guesses, rows, strict=True)) / len(rows)


@pytest.fixture
def app(daemon: Daemon, charging_plans: Path) -> Iterator[App]:
    package = f"com.example.learning{next(NUMBERS)}"
    daemon.idle_and_charging(False)
    with daemon.connect(daemon.new_app(package, context=("power",))) as learning:
        yield App(daemon, learning, charging_plans, package)
    with daemon.control() as control:
        control.remove_app(package)


def longer(plan: Path, epochs: int) -> bytes:
    changed = Plan.FromString(plan.read_bytes())
    changed.training.epochs = epochs
    return changed.SerializeToString()


def finished(trainer: TrainerClient) -> bool:
    return trainer.status().state in {SessionState.DONE, SessionState.COMMITTED, SessionState.FAILED}


def test_the_next_prediction_is_better(app: App) -> None:
    app.collect()
    before, trainer = app.accuracy(), app.trainer()
    assert trainer.schedule().state is SessionState.WAITING
    assert any("charging" in reason for reason in trainer.status().reasons)
    app.daemon.idle_and_charging()
    eventually(lambda: finished(trainer))
    status = trainer.status()
    assert status.state in {SessionState.DONE, SessionState.COMMITTED}, status
    assert app.accuracy() > max(before + 0.2, 0.8)
    assert app.predictor().predict({"x": [0.1, 0.2]}).served_by.parameters_version == status.output_version == 1
    (accuracy,) = [metric for metric in status.attempts[0].metrics if metric.name == "accuracy"]
    assert accuracy.after > accuracy.before


def test_unplugging_suspends_and_plugging_in_resumes(app: App) -> None:
    app.collect()
    trainer = app.trainer(plan=longer(app.train_plan, epochs=3000))
    trainer.schedule()
    app.daemon.idle_and_charging()
    eventually(lambda: trainer.status().step > 0)
    app.daemon.idle_and_charging(False)
    eventually(lambda: trainer.status().state is SessionState.SUSPENDED)
    step = trainer.status().step
    assert step > 0
    app.daemon.idle_and_charging()
    eventually(lambda: finished(trainer))
    attempt = trainer.status().attempts[0]
    assert attempt.suspensions >= 1
    assert attempt.steps > step
    assert app.accuracy() > 0.8


def test_revoking_takes_back_what_was_learnt(app: App) -> None:
    app.collect()
    trainer = app.trainer(Continuous(timedelta(hours=1)))
    trainer.schedule()
    app.daemon.idle_and_charging()
    eventually(lambda: trainer.status().output_version == 1)
    app.daemon.idle_and_charging(False)
    with app.daemon.control() as control:
        package = app.package
        (artifact,) = control.models(package).artifacts
        assert list(artifact.versions[0].context) == ["power"]
        assert control.set_permission(package, "power", granted=False).deleted_versions == 1
        (artifact,) = control.models(package).artifacts
        assert not artifact.versions
    assert trainer.status().output_version == 0
    assert app.predictor().predict({"x": [0.1, 0.2]}).served_by.parameters_version == 0
    app.daemon.idle_and_charging()
    eventually(lambda: trainer.status().output_version == 2)
    with app.daemon.control() as control:
        (artifact,) = control.models(app.package).artifacts
    assert not artifact.versions[0].context


def test_rolling_back_serves_the_version_before(app: App) -> None:
    app.collect()
    trainer = app.trainer(Continuous(timedelta(0)))
    trainer.schedule()
    app.daemon.idle_and_charging()
    eventually(lambda: trainer.status().output_version >= 2)
    app.daemon.idle_and_charging(False)
    eventually(lambda: trainer.status().state in {SessionState.WAITING, SessionState.SUSPENDED})
    version = trainer.status().output_version
    with app.daemon.control() as control:
        rolled = control.roll_back_model(app.package, PARAMETERS)
    assert rolled.version_in_use < version
    served = app.predictor().predict({"x": [0.1, 0.2]}).served_by
    assert served.parameters_version == rolled.version_in_use


def test_sessions_survive_a_restart(app: App) -> None:
    app.collect()
    trainer = app.trainer(Times("0 3 * * *"))
    scheduled = trainer.schedule()
    app.daemon.kill()
    app.daemon.start()
    app.daemon.idle_and_charging(False)
    status = trainer.status()
    assert (status.state, status.next_run_ms) == (SessionState.WAITING, scheduled.next_run_ms)
    trainer.stop()
    with pytest.raises(NotFound):
        trainer.status()


def test_the_owner_sees_why_nothing_happens(app: App) -> None:
    app.trainer().schedule()
    with app.daemon.control() as control:
        status = control.explain_session("points", app.package).status
        unmet = {reading.name: reading.remedy for reading in status.conditions if not reading.satisfied}
        assert unmet.keys() == {"idle", "charging", "examples"}
        assert all(unmet.values())
        control.stop_session("points", app.package)
        with pytest.raises(NotFound):
            control.explain_session("points", app.package)


def test_tensorflow_trains_too(daemon: Daemon, tensorflow_plans: Path) -> None:
    package = "com.example.tensorflow"
    with daemon.connect(daemon.new_app(package)) as learning:
        app = App(daemon, learning, tensorflow_plans, package)
        app.collect()
        before, trainer = app.accuracy(), app.trainer()
        trainer.schedule()
        daemon.idle_and_charging()
        eventually(lambda: finished(trainer), timeout_s=60)
        assert trainer.status().output_version == 1, trainer.status()
        assert app.accuracy() > before
    daemon.idle_and_charging(False)
    with daemon.control() as control:
        control.remove_app(package)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"output": "artifact:/another/params"}, "belongs to session"),
        ({"output": "file:params"}, "options.output"),
        ({"cadence": Times("now and then")}, "five fields"),
        ({"input": "nonsense"}, "options.input"),
    ],
)
def test_a_bad_option_is_named(app: App, changes: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        app.trainer(**changes).schedule()


def test_an_inference_plan_cannot_train(app: App) -> None:
    with pytest.raises(InvalidArgument, match="no training plan"):
        app.trainer(plan=app.infer_plan).schedule()
    with pytest.raises(FailedPrecondition, match="repository"):
        app.trainer(plan="mrepo:/keyboard/train").schedule()
