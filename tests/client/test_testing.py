"""The device in memory where it goes beyond the contract: what a test's author decides, and can read."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_lib import (
    CollectionOptions,
    ContextType,
    ContextWish,
    Continuous,
    FailedPrecondition,
    InvalidArgument,
    Learning,
    NotApproved,
    OneOff,
    PermissionDenied,
    PredictorOptions,
    ResourceExhausted,
    SessionState,
    TrainerClient,
    TrainerOptions,
    Unavailable,
    testing,
)
from client_lib.testing.context import FEATURES
from client_lib.testing.daemon import _METHODS, MemoryDaemon
from client_lib.testing.state import State
from context import ContextRegistry
from tests.client.devices import short_home

PACKAGE = "com.example.keyboard"
INFER = testing.inference_plan("words/next")
TRAIN = testing.training_plan("words/next", collection="words", minimum_examples=3, context=["power"])
URI = "artifact:/words/params"


@pytest.fixture
def learning(memory: testing.Device) -> Learning:
    return memory.connect(PACKAGE)


@pytest.fixture
def trainer(memory: testing.Device, learning: Learning) -> TrainerClient:
    """A session that may run, and whose runs are an hour apart."""
    memory.idle_and_charging()
    learning.get_collection_client(CollectionOptions("words")).add_many([{"x": 1.0}] * 3).result()
    options = TrainerOptions("words", TRAIN, URI, cadence=Continuous(timedelta(hours=1)))
    trainer = learning.get_trainer_client(options)
    trainer.schedule()
    return trainer


def test_its_context_types_are_the_daemons() -> None:
    kinds = {"bool": bool, "int": int, "float": float, "text": str}
    registered = {
        spec.name: {feature.name: kinds[feature.value_type.value] for feature in spec.features}
        for spec in ContextRegistry()
    }
    assert registered == FEATURES


@pytest.mark.parametrize("method", _METHODS, ids=lambda method: f"{method.service}.{method.name}")
def test_it_has_every_method(method: object) -> None:
    daemon = MemoryDaemon(State(0))
    session = daemon.state.open_session(PACKAGE)
    daemon.state.apps[PACKAGE] = None  # type: ignore[assignment]
    assert daemon._handler(method, session, owner=method.service == "Control")  # type: ignore[attr-defined, arg-type]


def test_what_is_stored_can_be_read_with_its_context_until_it_expires(memory: testing.Device) -> None:
    learning = memory.connect(PACKAGE, context=["power"])
    memory.set_context("power", charging=True, battery_level=0.5)
    wishes = [ContextWish(ContextType.POWER, ttl=timedelta(hours=1)), ContextType.NETWORK]
    words = learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=1), context=wishes))
    words.add({"word": "hello", "x": [1.0, 2.0]}, account="work").result()
    (stored,) = memory.stored(PACKAGE, "words")
    assert stored.features == {"word": [b"hello"], "x": [1.0, 2.0]}
    assert stored.context == {"power": {"charging": [1], "battery_level": [0.5]}}
    assert (stored.account, stored.added, stored.expires - stored.added) == ("work", memory.now, timedelta(days=1))
    memory.advance(timedelta(hours=1))
    assert memory.stored(PACKAGE, "words")[0].context == {}
    memory.advance(timedelta(hours=23))
    assert memory.stored(PACKAGE, "words") == []
    assert words.stats().examples == 0


def test_time_stands_still_unless_it_is_told_to_pass() -> None:
    start = datetime(2030, 5, 6, 7, 8, tzinfo=UTC)
    with testing.Device(now=start) as device:
        device.connect(PACKAGE).get_collection_client(CollectionOptions("words"))
        assert device.now == start
        device.fail("Collections/Stats", Unavailable("busy"))
        device.connect(PACKAGE).get_collection_client("words").stats()
        assert start < device.now < start + timedelta(seconds=1)


def test_an_app_may_wait_for_approval(memory: testing.Device) -> None:
    with pytest.raises(NotApproved):
        memory.connect(PACKAGE, approve=False)
    memory.connect(PACKAGE).get_collection_client(CollectionOptions("words")).add({"x": 1.0}).result()


def test_consent_and_grants_change_amid(memory: testing.Device, learning: Learning) -> None:
    memory.set_context("power", charging=True)
    words = learning.get_collection_client(CollectionOptions("words", context=["power"]))
    words.add({"x": 1.0}).result()
    memory.grant(PACKAGE, "power.charging")
    words.add({"x": 2.0}).result()
    assert [example.context for example in memory.stored(PACKAGE, "words")] == [{}, {"power": {"charging": [1]}}]
    memory.revoke(PACKAGE, "power")
    assert [example.context for example in memory.stored(PACKAGE, "words")] == [{}, {}]
    memory.consent(PACKAGE, False)
    with pytest.raises(PermissionDenied):
        words.add({"x": 3.0}).result()


def test_predictions_are_functions_of_features_context_and_version(memory: testing.Device) -> None:
    plan = testing.inference_plan("words/next", context=["power"], score_output="score")
    seen: list[tuple[dict[str, list[object]], int]] = []

    def predict(features: dict[str, list[object]], version: int) -> dict[str, object]:
        seen.append((dict(features), version))
        return {"score": features["x"][0], "text": ["a", "b"], "count": 3, "row": [[1.0, 2.0], [3.0, 4.0]]}

    memory.predicts(plan, predict)
    memory.set_context("power", charging=True)
    predictor = memory.connect(PACKAGE, context=["power"]).get_predictor_client(PredictorOptions(plan))
    one = predictor.predict({"x": 5.0, "context:power.charging": 0})
    assert seen == [({"x": [5.0], "context:power.charging": [1]}, 0)]
    assert {name: (tensor.dtype, tensor.tolist()) for name, tensor in one.outputs.items()} == {
        "score": ("float32", 5.0),
        "text": ("bytes", [b"a", b"b"]),
        "count": ("int64", 3),
        "row": ("float32", [[1.0, 2.0], [3.0, 4.0]]),
    }
    assert [place.index for place in predictor.predict_rank({}, [{"x": 1.0}, {"x": 2.0}])] == [1, 0]
    with pytest.raises(InvalidArgument, match="'x'"):
        predictor.predict({"y": 1.0})


def test_a_plan_of_which_the_test_says_nothing(learning: Learning) -> None:
    with pytest.raises(testing.UnscriptedPlan, match=r"device\.predicts"):
        learning.get_predictor_client(PredictorOptions(INFER)).predict({"x": 1.0})


def test_a_plan_in_the_apps_assets(memory: testing.Device, tmp_path: Path) -> None:
    (tmp_path / "words.plan").write_bytes(INFER)
    memory.predicts("asset:words.plan", lambda features, version: {"y": 1.0}, assets=tmp_path)
    predictor = memory.connect(PACKAGE, assets=tmp_path).get_predictor_client(PredictorOptions("asset:words.plan"))
    assert predictor.predict({"x": 1.0})["y"].tolist() == 1.0
    assert list(memory.plans(PACKAGE).values()) == [INFER]


def test_a_run_commits_and_is_due_again_later(memory: testing.Device, trainer: TrainerClient) -> None:
    status = memory.run(PACKAGE, "words", testing.Advance(50, of=100, loss=0.5))
    assert (status.state, status.progress, status.loss) == (SessionState.RUNNING, 0.5, 0.5)
    assert memory.run(PACKAGE, "words", testing.Suspend()).state is SessionState.SUSPENDED
    status = memory.run(PACKAGE, "words", testing.Commit({"accuracy": (0.25, 0.75)}))
    assert (status.state, status.output_version) == (SessionState.WAITING, 1)
    (attempt,) = status.attempts
    assert (attempt.outcome, attempt.suspensions, attempt.steps, attempt.examples) == (SessionState.COMMITTED, 1, 50, 3)
    assert [(pair.name, pair.before, pair.after) for pair in attempt.metrics] == [("accuracy", 0.25, 0.75)]
    with pytest.raises(testing.NotReady, match="due: not yet"):
        memory.run(PACKAGE, "words")
    memory.advance(timedelta(hours=1))
    assert memory.run(PACKAGE, "words", testing.KeepOld()).output_version == 1
    memory.advance(timedelta(hours=1))
    failed = memory.run(PACKAGE, "words", testing.Fail("the graph is too large"))
    assert failed.reasons[-1] == "the graph is too large"
    assert [attempt.outcome for attempt in trainer.status().attempts] == [
        SessionState.FAILED,
        SessionState.KEPT_OLD,
        SessionState.COMMITTED,
    ]


def test_what_the_daemon_would_not_run_does_not_run(memory: testing.Device, trainer: TrainerClient) -> None:
    memory.idle_and_charging(False)
    with pytest.raises(testing.NotReady, match=r"idle: no.*charging: no"):
        memory.run(PACKAGE, "words")
    assert trainer.status().attempts == ()


def test_an_app_that_polls_sees_its_training_come_about(memory: testing.Device, learning: Learning) -> None:
    memory.trains(TRAIN, testing.Advance(1, of=2), testing.Advance(1, of=2), testing.Commit())
    memory.predicts(INFER, lambda features, version: {"version": version})
    words = learning.get_collection_client(CollectionOptions("words"))
    words.add_many([{"x": 1.0}] * 3).result()
    trainer = learning.get_trainer_client(TrainerOptions("words", TRAIN, URI, cadence=OneOff()))
    predictor = learning.get_predictor_client(PredictorOptions(INFER, URI))
    assert trainer.schedule().state is SessionState.WAITING
    assert trainer.status().state is SessionState.WAITING
    memory.idle_and_charging()
    assert [trainer.status().step for _ in range(2)] == [1, 2]
    assert trainer.status().output_version == 1
    assert predictor.predict({"x": 1.0})["version"].tolist() == 1


def test_revoking_forgets_what_was_learnt(memory: testing.Device, trainer: TrainerClient) -> None:
    memory.grant(PACKAGE, "power")
    memory.run(PACKAGE, "words")
    assert trainer.status().output_version == 1
    memory.revoke(PACKAGE, "power")
    status = trainer.status()
    assert (status.output_version, status.state) == (0, SessionState.WAITING)
    assert memory.run(PACKAGE, "words").output_version == 2


def test_the_owner_rolls_back(memory: testing.Device, trainer: TrainerClient) -> None:
    for _ in range(2):
        memory.run(PACKAGE, "words")
        memory.advance(timedelta(hours=1))
    assert memory.owner.roll_back_model(PACKAGE, URI).version_in_use == 1
    assert trainer.status().output_version == 1
    with pytest.raises(FailedPrecondition) as caught:
        memory.owner.roll_back_model(PACKAGE, URI)
    assert caught.value.reason == "NO_EARLIER_VERSION"


def test_limits_and_a_full_disk(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.limits.examples = 3
    words.add_many([{"x": 1.0}] * 3).result()
    refusals = []
    for limit in (lambda: setattr(memory.limits, "examples", 3), lambda: setattr(memory, "disk_full", True)):
        limit()
        refusals.append(words.add({"x": 1.0}).exception())
    memory.limits.examples, memory.disk_full, memory.limits.size_bytes = None, False, 64
    refusals.append(words.add({"x": [1.0] * 32}).exception())
    assert all(isinstance(error, ResourceExhausted) for error in refusals)
    reasons = [error.reason for error in refusals if isinstance(error, ResourceExhausted)]
    assert reasons == ["QUOTA_EXAMPLES", "DISK_FULL", "QUOTA_BYTES"]
    memory.limits.size_bytes = None
    assert words.add({"x": [1.0] * 32}).result() == 1


def test_calls_fail_as_often_as_told(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    memory.fail("Collections/Add", ResourceExhausted("enough"), times=2)
    outcomes = [words.add({"x": 1.0}).exception() is None for _ in range(3)]
    assert outcomes == [False, False, True]
    assert memory.count("Collections/Add") == 3
    with pytest.raises(ValueError, match="Collections/Add"):
        memory.fail("Collections/Ad", Unavailable("busy"))


def test_a_caller_over_its_rate_waits_as_long_as_told(memory: testing.Device, learning: Learning) -> None:
    words = learning.get_collection_client(CollectionOptions("words"))
    before = memory.now
    memory.fail("Collections/Add", ResourceExhausted("too fast", reason="QUOTA_RATE", detail="2.5"))
    assert words.add({"x": 1.0}).result() == 1
    assert memory.now - before == timedelta(seconds=2.5)


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as folder:
        yield folder


def test_an_app_that_connects_by_itself_finds_a_served_device(memory: testing.Device, home: Path) -> None:
    from client_lib.credentials import CredentialsFile
    from client_lib.identity import new_credentials

    memory.serve(home)
    path = home / "app.json"
    CredentialsFile(path).create(new_credentials(PACKAGE))
    socket = home / "run" / "insitu.sock"
    with pytest.raises(NotApproved):
        Learning.connect(package=PACKAGE, credentials=path, socket=socket)
    from insitu.v1.control_pb2 import ApproveAppRequest

    memory.owner.approve_app(ApproveAppRequest(package=PACKAGE))
    memory.consent(PACKAGE)
    with Learning.connect(package=PACKAGE, credentials=path, socket=socket) as learning:
        learning.get_collection_client(CollectionOptions("words")).add({"x": 1.0}).result()
    assert len(memory.stored(PACKAGE, "words")) == 1


def test_importing_it_loads_no_more_than_an_app_has() -> None:
    code = (
        "import client_lib.testing, client_lib.aio, sys;"
        "print({'grpc', 'numpy', 'pytest', 'platform_daemon', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"set\(\)\n", done.stdout)
