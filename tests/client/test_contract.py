"""What holds wherever an app connects: a real daemon over either transport, and the device in memory that stands in for
it in an app's own tests; called by the library that blocks, and by the one that is awaited."""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from client_lib import (
    CollectionOptions,
    ContextType,
    ContextWish,
    Continuous,
    DataLoss,
    FailedPrecondition,
    InsituError,
    InvalidArgument,
    NotApproved,
    NotFound,
    OneOff,
    PermissionDenied,
    PredictorOptions,
    ResourceExhausted,
    SessionState,
    Times,
    TrainerOptions,
)
from client_lib.artifacts import MISSING, PUT
from client_lib.collection import ADD, LIST
from client_lib.serializing import serialize
from insitu.v1 import artifact_pb2, collection_pb2
from insitu.v1.example_pb2 import Example
from tests.client.worlds import QUOTA_EXAMPLES, QUOTA_NAMES, WORLDS, World, plan_in, refused, world
from tests.daemon.conftest import charging_plans, plan_folder, ranking_plans
from tests.daemon.harness import SCRIPTED, Daemon, running

__all__ = ["charging_plans", "plan_folder", "ranking_plans"]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    quotas = {"examples": QUOTA_EXAMPLES, "accounts": QUOTA_NAMES, "collections": QUOTA_NAMES}
    limits = "".join(f"limits.quota_{name} = {value}\n" for name, value in quotas.items())
    with running(tmp_path_factory.mktemp("d"), limits + SCRIPTED) as started:
        yield started


@pytest.fixture(params=WORLDS)
def place(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(request.param, lambda: request.getfixturevalue("daemon")) as made:
        yield made


@pytest.fixture
def package(request: pytest.FixtureRequest) -> str:
    """An app of this test alone."""
    return "com.example." + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]


# Access


def test_a_removed_app_has_to_be_approved_again(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        place.owner.remove_app(package)
        with pytest.raises(NotApproved, match=re.escape(f"run: insitu app approve {package}")):
            words.stats()


def test_apps_do_not_see_each_other(place: World, package: str) -> None:
    with place.connect(package) as mine, place.connect(f"{package}_other") as theirs:
        mine.get_collection_client(CollectionOptions("secret")).add({"x": 1.0}).result()
        foreign = theirs.get_collection_client("secret")
        with refused(NotFound, "NOT_FOUND", "collection"):
            foreign.stats()
        with refused(NotFound, "NOT_FOUND", "collection"):
            foreign.add({"x": 1.0}).result()
        with refused(NotFound, "NOT_FOUND", "collection"):
            foreign.clear()


# Collections


def test_examples_are_counted_and_cleared_by_account(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=2)))
        words.add({"x": [0.5, 1.5], "label": 3})
        assert words.add_many({"x": [float(i)], "label": i} for i in range(2100)).result() == 2100
        assert words.add({"x": 1.0}, account="work").result() == 1
        stats = words.stats()
        assert (stats.collection, stats.examples) == ("words", 2102)
        assert 0 < stats.oldest_ms <= stats.newest_ms
        assert stats.next_expiry_ms - stats.oldest_ms == pytest.approx(2 * 24 * 3600 * 1000, rel=0.1)
        usage, rows = stats.usage, [{"x": [float(i)], "label": i} for i in range(2100)]
        assert usage is not None
        assert (usage.examples, usage.max_examples) == (2102, QUOTA_EXAMPLES)
        assert usage.size_bytes == sum(map(len, map(serialize, [{"x": [0.5, 1.5], "label": 3}, {"x": 1.0}, *rows])))
        assert usage.max_bytes >= usage.size_bytes
        assert words.clear(account="work") == 1
        assert words.clear(account="work") == 0
        assert words.clear(account="nobody's") == 0
        assert words.clear() == 2101
        assert words.stats().examples == 0


def test_options_hold_until_they_are_changed(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words", max_examples=10))
        words.add_many({"x": float(i)} for i in range(25)).result()
        assert words.stats().examples == 10
        again = learning.get_collection_client(CollectionOptions("words", ttl=timedelta(days=1)))
        again.add({"x": 1.0}).result()
        assert again.stats().examples == 10
        learning.get_collection_client(CollectionOptions("words", max_examples=0))
        again.add_many({"x": float(i)} for i in range(5)).result()
        assert again.stats().examples == 15


def test_an_expired_example_is_gone(place: World, package: str) -> None:
    with place.connect(package) as learning:
        brief = learning.get_collection_client(CollectionOptions("brief", ttl=timedelta(seconds=1)))
        brief.add({"x": 1.0}).result()
        place.pass_time(1.0, lambda: brief.stats().examples == 0)


def test_nothing_is_collected_without_consent(place: World, package: str) -> None:
    with place.connect(package, consent=False) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        with refused(PermissionDenied, "NO_CONSENT"):
            words.add({"x": 1.0}).result()
        place.owner.set_consent(package, given=True)
        assert words.add({"x": 1.0}).result() == 1
        place.owner.set_consent(package, given=False)
        with refused(PermissionDenied, "NO_CONSENT"):
            words.add_many([{"x": 1.0}]).result()
        assert words.stats().examples == 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (CollectionOptions("Words"), "collection"),
        (CollectionOptions("../words"), "collection"),
        (CollectionOptions(""), "collection"),
        (CollectionOptions("words", ttl=timedelta(milliseconds=999)), "options.time_to_live"),
        (CollectionOptions("words", ttl=timedelta(days=3651)), "options.time_to_live"),
        (CollectionOptions("words", context=["nonsense"]), "options.context.wishes.type"),
        (
            CollectionOptions("words", context=[ContextWish(ContextType.POWER, ttl=timedelta(0))]),
            "options.context.wishes.time_to_live",
        ),
        (CollectionOptions("words", max_examples=-1), "options.max_examples"),
    ],
)
def test_a_bad_option_is_named(place: World, options: CollectionOptions, field: str) -> None:
    with place.connect("com.example.clumsy") as learning, refused(InvalidArgument, "INVALID_ARGUMENT", field):
        learning.get_collection_client(options)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (collection_pb2.AddRequest(), "examples"),
        (collection_pb2.AddRequest(examples=[Example()]), "examples"),
        (collection_pb2.AddRequest(idempotency_key=b"k" * 65), "idempotency_key"),
        (collection_pb2.AddRequest(account="a" * 257), "account"),
    ],
)
def test_a_malformed_addition_names_the_field(place: World, request_: collection_pb2.AddRequest, field: str) -> None:
    with place.connect("com.example.malformed") as learning:
        learning.get_collection_client(CollectionOptions("words"))
        request_.collection = "words"
        with refused(InvalidArgument, "INVALID_ARGUMENT", field):
            place.call(learning, ADD, request_)
        assert learning.get_collection_client("words").stats().examples == 0


def test_a_repetition_stores_nothing_twice(place: World, package: str) -> None:
    example = Example()
    example.features.feature["x"].float_list.value.append(1.0)
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        request = collection_pb2.AddRequest(collection="words", examples=[example] * 3, idempotency_key=b"key")
        first, second = place.call(learning, ADD, request), place.call(learning, ADD, request)
        assert (first.count, first.repeated_request) == (3, False)
        assert (second.count, second.repeated_request) == (3, True)
        assert words.stats().examples == 3


def test_an_app_may_store_so_much_and_no_more(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words"))
        words.add_many({"x": float(i)} for i in range(QUOTA_EXAMPLES)).result()
        refusal = words.add({"x": 1.0}).exception()
        assert isinstance(refusal, ResourceExhausted)
        assert (refusal.reason, refusal.field, refusal.detail) == ("QUOTA_EXAMPLES", None, str(QUOTA_EXAMPLES))
        assert refusal.retry_after_s is None
        learning.get_collection_client(CollectionOptions("words", max_examples=QUOTA_EXAMPLES))
        assert words.add({"x": 1.0}).result() == 1  # in the place of the oldest
        assert words.clear() == QUOTA_EXAMPLES
        assert words.add({"x": 1.0}).result() == 1


def test_an_app_may_have_so_many_accounts_and_collections(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words, *_ = [
            learning.get_collection_client(CollectionOptions(f"words{number}")) for number in range(QUOTA_NAMES)
        ]
        with pytest.raises(ResourceExhausted) as caught:
            learning.get_collection_client(CollectionOptions("one-more"))
        for number in range(QUOTA_NAMES):
            assert words.add({"x": 1.0}, f"account{number}").result() == 1
        refusal = words.add({"x": 1.0}, "one more").exception()
        assert isinstance(refusal, ResourceExhausted)
        assert (caught.value.reason, refusal.reason) == ("QUOTA_COLLECTIONS", "QUOTA_ACCOUNTS")
        assert caught.value.detail == refusal.detail == str(QUOTA_NAMES)
        assert words.add({"x": 1.0}).result() == words.clear("account0") == 1
        assert place.owner.clear_data(package, account="account0") == 0  # and forgets its name
        assert words.add({"x": 1.0}, "one more").result() == 1


def test_a_collection_is_as_durable_as_it_was_told_to_be(place: World, package: str) -> None:
    with place.connect(package) as learning:
        words = learning.get_collection_client(CollectionOptions("words", durable=True))
        assert words.add({"x": 1.0}).result() == 1
        assert words.stats().durable
        learning.get_collection_client(CollectionOptions("words", durable=False))
        assert not words.stats().durable


def test_collections_are_listed_by_name(place: World, package: str) -> None:
    with place.connect(package) as learning:
        for name in ("words", "apples"):
            learning.get_collection_client(CollectionOptions(name))
        found = place.call(learning, LIST, collection_pb2.ListCollectionsRequest()).collections
        assert [stats.collection for stats in found] == ["apples", "words"]


def test_context_is_stored_as_far_as_granted_and_revoked(place: World, package: str) -> None:
    place.set_power(True)
    with place.connect(package, context=("power",)) as learning:
        types = [ContextType.POWER, ContextType.NETWORK]
        learning.get_collection_client(CollectionOptions("words", context=types)).add({"x": 1.0}).result()
    assert place.stored_context(package, "words") == {"power": {"charging", "on_battery"}}
    place.owner.set_permission(package, "power.charging", granted=False)
    assert place.stored_context(package, "words") == {"power": {"on_battery"}}
    place.owner.set_permission(package, "power", granted=False)
    assert place.stored_context(package, "words") == {}


# Plans and predictions


def test_an_upload_is_checked(place: World, package: str) -> None:
    data = b"a plan in two pieces"
    digest = hashlib.sha256(data).hexdigest()

    def put(offset: int, piece: bytes, *, size: int = len(data), sha256: str = digest) -> bool:
        request = artifact_pb2.PutArtifactRequest(sha256=sha256, size_bytes=size, offset_bytes=offset, data=piece)
        return place.call(learning, PUT, request).complete

    def missing(sha256: str) -> list[str]:
        return list(place.call(learning, MISSING, artifact_pb2.MissingArtifactsRequest(sha256=[sha256])).sha256)

    with place.connect(package) as learning:
        assert missing(digest) == [digest]
        assert not put(0, data[:5])
        with pytest.raises(InvalidArgument) as caught:
            put(9, data[9:])
        assert (caught.value.reason, caught.value.detail) == ("WRONG_OFFSET", "5")
        assert put(5, data[5:])
        assert missing(digest) == []
        for size, piece in ((0, b"x"), (1, b""), (1, b"xy")):
            with refused(InvalidArgument, "WRONG_SIZE"):
                put(0, piece, size=size)
        with refused(InvalidArgument, "BAD_DIGEST"):
            missing("none")
        with refused(DataLoss, "ARTIFACT_CORRUPT"):
            put(0, b"other bytes", size=11, sha256="0" * 64)


def test_base_parameters_serve_at_once(place: World, package: str, charging_plans: Path) -> None:
    plan = plan_in(charging_plans, "infer")
    place.can_predict(plan, lambda features, version: {"probabilities": [0.2, 0.3, 0.5]})
    with place.connect(package) as learning:
        predictor = learning.get_predictor_client(PredictorOptions(plan, parameters="artifact:/later/params"))
        assert predictor.load().plan_name == "test/charging"
        one = predictor.predict({"x": [0.5, 1.0]})
        assert (one["probabilities"].shape, one["probabilities"].dtype) == ((3,), "float32")
        assert sum(one["probabilities"].values) == pytest.approx(1.0, abs=1e-5)
        assert one.served_by.parameters_version == 0
        assert predictor.predict_many([{"x": [0.5, i]} for i in (1.0, 2.0)])["probabilities"].shape == (2, 3)


@pytest.mark.parametrize(
    ("example", "reason", "told"),
    [
        ({"y": [1.0, 2.0]}, "FEATURE_MISSING", "'x'"),
        ({"x": []}, "FEATURE_MISSING", "'x'"),
        ({"x": [1.0]}, "BAD_INPUT", "feature 'x' has 1 values where the plan wants 2"),
        ({"x": ["a", "b"]}, "BAD_INPUT", "feature 'x' holds bytes where the plan wants floats"),
        ({"x": "text"}, "BAD_INPUT", "feature 'x' holds bytes where the plan wants floats"),
    ],
)
def test_a_bad_input_is_refused(
    place: World, charging_plans: Path, example: dict[str, Any], reason: str, told: str
) -> None:
    plan = plan_in(charging_plans, "infer")
    place.can_predict(plan, lambda features, version: {"probabilities": [0.2, 0.3, 0.5]})
    with place.connect("com.example.inputs") as learning:
        predictor = learning.get_predictor_client(PredictorOptions(plan))
        for predict in (lambda: predictor.predict(example), lambda: predictor.predict_many([{"x": [1, 2]}, example])):
            with pytest.raises(InvalidArgument) as caught:
                predict()
            assert caught.value.reason == reason
            assert told in caught.value.message.replace(" of example 1", "")


def test_context_enters_a_prediction_only_where_granted(place: World, package: str, charging_plans: Path) -> None:
    plan = plan_in(charging_plans, "infer")
    place.can_predict(
        plan, lambda features, version: {"probabilities": [features.get("context:power.charging", [0.5])[0], 0.0, 0.0]}
    )
    place.set_power(True)

    def predict(features: dict[str, Any]) -> list[float]:
        with place.connect(package, context=("power.charging",)) as learning:
            values: list[float] = (
                learning.get_predictor_client(PredictorOptions(plan)).predict(features).outputs["probabilities"].values
            )
            return values

    charging = predict({"x": [0.5, 1.0]})
    assert predict({"x": [0.5, 1.0], "context:power.charging": 0.0}) == pytest.approx(charging, abs=1e-6)
    place.set_power(False)
    assert predict({"x": [0.5, 1.0]}) != pytest.approx(charging, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "kind", "reason", "field"),
    [
        (PredictorOptions(b"no plan"), InvalidArgument, "PLAN_REJECTED", None),
        (PredictorOptions("mrepo:/keyboard/infer"), FailedPrecondition, "NO_REPOSITORY", "model.plan"),
        (PredictorOptions("federated:/keyboard"), FailedPrecondition, "NO_REPOSITORY", "model.plan"),
        (PredictorOptions("plan"), InvalidArgument, "BAD_URI", "model.plan"),
    ],
)
def test_what_is_no_plan_is_refused(
    place: World, options: PredictorOptions, kind: type[InsituError], reason: str, field: str | None
) -> None:
    with place.connect("com.example.plans") as learning, refused(kind, reason, field):
        learning.get_predictor_client(options).predict({"x": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("parameters", "kind", "reason"),
    [
        ("artifact:/nobody/params", FailedPrecondition, "NOT_PRODUCED"),
        ("artifact:/nobody", InvalidArgument, "BAD_URI"),
        ("artifact:/../../etc", InvalidArgument, "BAD_URI"),
        ("nonsense", InvalidArgument, "BAD_URI"),
    ],
)
def test_parameters_that_are_not_there(
    place: World, charging_plans: Path, parameters: str, kind: type[InsituError], reason: str
) -> None:
    plan = plan_in(charging_plans, "infer")
    options = PredictorOptions(plan, parameters=parameters, parameters_required=True)
    with place.connect("com.example.parameters") as learning, refused(kind, reason, "model.parameters"):
        learning.get_predictor_client(options).predict({"x": [1.0, 2.0]})


def test_each_plan_in_its_place(place: World, package: str, charging_plans: Path) -> None:
    infer, train = plan_in(charging_plans, "infer"), plan_in(charging_plans, "train")
    with place.connect(package) as learning:
        with refused(InvalidArgument, "NOT_AN_INFERENCE_PLAN", "model.plan"):
            learning.get_predictor_client(PredictorOptions(train)).predict({"x": [1.0, 2.0]})
        with refused(InvalidArgument, "NOT_A_TRAINING_PLAN", "options.plan"):
            learning.get_trainer_client(TrainerOptions("s", infer, "artifact:/s/p")).schedule()
        with refused(InvalidArgument, "INVALID_ARGUMENT", "model.plan"):
            learning.get_predictor_client(PredictorOptions(infer)).predict_rank({}, [{"x": [1.0, 2.0]}])


def test_candidates_come_back_best_first(place: World, package: str, ranking_plans: Path) -> None:
    plan = plan_in(ranking_plans, "infer")
    place.can_predict(plan, lambda features, version: {"score": [features["x"][1]]})
    with place.connect(package) as learning:
        predictor = learning.get_predictor_client(PredictorOptions(plan))
        ranked = predictor.predict_rank({"x": [0.0, 7.0]}, [{}, {"x": [0.0, 8.0]}, {"x": [0.0, -1.0]}])
        assert [(one.index, one.score) for one in ranked] == [(1, 8.0), (0, 7.0), (2, -1.0)]
        with refused(InvalidArgument, "INVALID_ARGUMENT", "candidates"):
            predictor.predict_rank({"x": [0.0, 7.0]}, [])


# Training


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"session": "No Name"}, "INVALID_ARGUMENT", "options.session"),
        ({"output": "artifact:/another/params"}, "INVALID_ARGUMENT", "options.output"),
        ({"output": "file:params"}, "BAD_URI", "options.output"),
        ({"input": "nonsense"}, "BAD_URI", "options.input"),
        ({"cadence": Continuous(timedelta(seconds=-1))}, "INVALID_ARGUMENT", "options.cadence.continuous"),
        ({"cadence": Times("now and then")}, "INVALID_ARGUMENT", "options.cadence.times"),
    ],
)
def test_a_bad_training_option_is_named(
    place: World, charging_plans: Path, changes: dict[str, Any], reason: str, field: str
) -> None:
    options = {"session": "s", "plan": plan_in(charging_plans, "train"), "output": "artifact:/s/p", **changes}
    with place.connect("com.example.options") as learning, refused(InvalidArgument, reason, field):
        learning.get_trainer_client(TrainerOptions(**options)).schedule()


def test_a_session_waits_and_says_why(place: World, package: str, charging_plans: Path) -> None:
    place.idle_and_charging(False)
    with place.connect(package) as learning:
        options = TrainerOptions("hand", plan_in(charging_plans, "train"), "artifact:/hand/params")
        trainer = learning.get_trainer_client(options)
        with refused(NotFound, "NOT_FOUND", "session"):
            trainer.status()
        status = trainer.schedule()
        assert (status.session, status.state, status.output_version) == ("hand", SessionState.WAITING, 0)
        readings = {reading.name: (reading.satisfied, reading.value) for reading in status.conditions}
        assert readings["idle"] == (False, "no")
        assert readings["charging"] == (False, "no")
        assert readings["consent"] == (True, "given")
        assert readings["examples"] == (False, "0, at least 32 wanted")
        assert readings["due"] == (True, "yes")
        assert list(readings) == ["idle", "charging", "consent", "examples", "input", "due", "budget", "trainer"]
        assert len(status.reasons) == 3
        assert "insitu context set activity user_idle=yes" in status.reasons[0]
        assert trainer.schedule().state == SessionState.WAITING
        trainer.stop()
        with refused(NotFound, "NOT_FOUND", "session"):
            trainer.stop()


def test_what_training_produces_is_served_and_forgotten(place: World, package: str, charging_plans: Path) -> None:
    infer, train = plan_in(charging_plans, "infer"), plan_in(charging_plans, "train")
    place.can_predict(infer, lambda features, version: {"probabilities": [0.2, 0.3, 0.5]})
    with place.connect(package, context=("power",)) as learning:
        points = learning.get_collection_client(CollectionOptions("points", context=[ContextType.POWER]))
        rows = [{"x": [i / 50, -i / 70], "label": int(i % 3)} for i in range(90)]
        points.add_many(rows).result()
        trainer = learning.get_trainer_client(TrainerOptions("hand", train, "artifact:/hand/params", cadence=OneOff()))
        predictor = learning.get_predictor_client(PredictorOptions(infer, parameters="artifact:/hand/params"))
        assert predictor.predict({"x": [0.5, 1.0]}).served_by.parameters_version == 0
        trainer.schedule()
        place.idle_and_charging(True)
        place.train(package, "hand", lambda: trainer.status().state is SessionState.DONE)
        place.idle_and_charging(False)
        status = trainer.status()
        assert status.attempts[0].outcome in (SessionState.COMMITTED, SessionState.KEPT_OLD)
        assert "accuracy" in {pair.name for pair in status.attempts[0].metrics}
        committed = int(status.attempts[0].outcome is SessionState.COMMITTED)
        assert status.output_version == committed
        assert predictor.predict({"x": [0.5, 1.0]}).served_by.parameters_version == committed
        place.owner.clear_data(package, "points")
        assert trainer.status().output_version == 0
        assert trainer.status().state == SessionState.WAITING
        assert predictor.predict({"x": [0.5, 1.0]}).served_by.parameters_version == 0


# The owner


def test_what_the_owner_cannot_do_is_told(place: World, package: str) -> None:
    with place.connect(package):
        with refused(NotFound, "UNKNOWN_APP", "package"):
            place.owner.set_consent("com.example.nobody", given=True)
        with refused(InvalidArgument, "INVALID_ARGUMENT", "scope"):
            place.owner.set_permission(package, "wether", granted=True)
        with refused(InvalidArgument, "INVALID_ARGUMENT", "scope"):
            place.owner.set_permission(package, "power.colour", granted=True)
        with refused(NotFound, "NOT_FOUND", "collection"):
            place.owner.clear_data(package, "nothing")
        with refused(NotFound, "NOT_FOUND", "session"):
            place.owner.explain_session("nothing", package)
        with refused(NotFound, "NOT_FOUND", "uri"):
            place.owner.roll_back_model(package, "artifact:/hand/params")


def test_permissions_are_listed_once_they_are_decided_on(place: World, package: str) -> None:
    with place.connect(package, context=("power.charging",)):
        place.owner.set_permission(package, "network", granted=True)
        place.owner.set_permission(package, "network.kind", granted=False)
        found = {one.type: (list(one.features), one.wished) for one in place.owner.permissions(package).permissions}
        assert found == {"network": (["connected", "metered"], False), "power": (["charging"], True)}
