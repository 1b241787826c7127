"""Plans that the app hands over, predictions and training sessions."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from client_lib import (
    Continuous,
    DataLoss,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Learning,
    NotFound,
    OneOff,
    PredictorOptions,
    ResourceExhausted,
    SessionState,
    SessionStatus,
    Times,
    TrainerOptions,
    Unavailable,
    testing,
)
from client_lib.sessions import options_to_wire
from insitu.v1 import training_pb2

PACKAGE = "com.example.keyboard"
PLAN = testing.inference_plan("sum", score_output="sum", parameters=b"several pieces of an upload" * 100_000)
TRAINING_PLAN = testing.training_plan("sum", collection="words", minimum_examples=50)


@pytest.fixture
def learning(memory: testing.Device, tmp_path: Path) -> Learning:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "infer plan.binpb").write_bytes(PLAN)
    memory.predicts(PLAN, lambda features, version: {"sum": sum(features["x"]), "row": features["x"]})
    return memory.connect(PACKAGE, assets=tmp_path / "assets")


def test_predict(learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    prediction = predictor.predict({"x": [1.0, 2.5]})
    assert prediction["sum"].tolist() == 3.5
    assert prediction["row"].values == [1.0, 2.5]
    assert prediction["row"].shape == (2,)
    assert (prediction.served_by.plan_name, prediction.served_by.parameters_version) == ("sum", 0)


def test_predict_many_has_a_row_for_each_example(learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    many = predictor.predict_many([{"x": [float(i), 1.0]} for i in range(3)])
    assert many["row"].tolist() == [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert many.row(2)["sum"].tolist() == 3.0
    array = np.asarray(many["row"])
    assert (array.dtype, array.shape) == (np.dtype("float32"), (3, 2))


def test_columns_predict_what_their_rows_predict(learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    table = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], "<f4")
    many = predictor.predict_many([{"x": row} for row in table])
    for columns in ({"x": table}, {"x": table.tolist()}, {"x": table.astype("<f8")}):
        assert predictor.predict_columns(columns) == many
    with pytest.raises(InvalidArgument):
        predictor.predict_columns({"x": table, "y": [1.0]})


def test_predict_rank_returns_the_candidates_best_first(learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    candidates = [{"x": [1.0], "id": "a"}, {"x": [3.0], "id": "b"}, {"x": [2.0], "id": "c"}]
    ranking = predictor.predict_rank(context={"x": [0.0]}, candidates=candidates)
    assert [(place.index, place.candidate["id"]) for place in ranking] == [(1, "b"), (2, "c"), (0, "a")]
    assert [place.score for place in ranking] == [3.0, 2.0, 1.0]


def test_plan_is_handed_over_once_in_pieces(memory: testing.Device, learning: Learning, tmp_path: Path) -> None:
    path = tmp_path / "plan.binpb"
    path.write_bytes(PLAN)
    for plan in (path, f"file:{path}", "asset:infer%20plan.binpb", PLAN):
        learning.get_predictor_client(PredictorOptions(plan=plan)).predict({"x": 1.0})
    assert memory.count("Artifacts/Put") == -(-len(PLAN) // 2**20)
    assert memory.plans(PACKAGE) == {hashlib.sha256(PLAN).hexdigest(): PLAN}


def test_plan_that_the_daemon_lost_is_handed_over_again(memory: testing.Device, learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    predictor.load()
    memory.plans(PACKAGE).clear()
    assert predictor.predict({"x": 2.0})["sum"].tolist() == 2.0


def test_upload_survives_a_lost_answer(memory: testing.Device, learning: Learning) -> None:
    memory.fail("Artifacts/Put", Unavailable("the answer is lost"), takes_effect=True)
    assert learning.get_predictor_client(PredictorOptions(plan=PLAN)).load().plan_name == "sum"
    assert memory.plans(PACKAGE) == {hashlib.sha256(PLAN).hexdigest(): PLAN}


def test_upload_goes_on_where_an_earlier_one_stopped(memory: testing.Device, learning: Learning) -> None:
    digest = hashlib.sha256(PLAN).hexdigest()
    memory.begin_upload(PACKAGE, PLAN, 2**20 + 17)
    learning.get_predictor_client(PredictorOptions(plan=PLAN)).load()
    assert memory.plans(PACKAGE) == {digest: PLAN}
    assert memory.count("Artifacts/Put") == 1 + -(-(len(PLAN) - 2**20 - 17) // 2**20)


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_a_plan_is_a_regular_file(learning: Learning, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="is no regular file; name the file that holds the plan"):
        learning.get_predictor_client(PredictorOptions(plan=f"file:{tmp_path / name}")).load()


def test_a_plan_that_is_too_large_is_refused_before_it_fills_the_memory(learning: Learning, tmp_path: Path) -> None:
    path = tmp_path / "plan.binpb"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ResourceExhausted, match="larger than 256 MiB") as caught:
        learning.get_predictor_client(PredictorOptions(plan=path)).load()
    assert (caught.value.reason, caught.value.field) == ("ARTIFACT_LIMIT", "plan")


def test_digest_in_the_uri_must_match(learning: Learning, tmp_path: Path) -> None:
    path = tmp_path / "plan.binpb"
    path.write_bytes(PLAN)
    good = f"file:{path}#sha256={hashlib.sha256(PLAN).hexdigest()}"
    assert learning.get_predictor_client(PredictorOptions(plan=good)).load()
    with pytest.raises(DataLoss, match="digest"):
        learning.get_predictor_client(PredictorOptions(plan=f"file:{path}#sha256={'0' * 64}")).load()


@pytest.mark.parametrize("name", ["../credentials.json", "/../x", "a/../../x", "%2e%2e/x"])
def test_assets_stay_within_their_folder(learning: Learning, name: str) -> None:
    with pytest.raises(InvalidArgument, match="leads out of"):
        learning.get_predictor_client(PredictorOptions(plan=f"asset:{name}")).load()


def test_link_out_of_the_folder_of_assets_is_refused(learning: Learning, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "assets" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidArgument, match="leads out of"):
        learning.get_predictor_client(PredictorOptions(plan="asset:link")).load()


def test_missing_file_and_missing_repository(learning: Learning, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="check the plan's path"):
        learning.get_predictor_client(PredictorOptions(plan=tmp_path / "none")).load()
    with pytest.raises(FailedPrecondition) as caught:
        learning.get_predictor_client(PredictorOptions(plan="mrepo:/keyboard/infer")).load()
    assert caught.value.reason == "NO_REPOSITORY"


def test_parameters_that_are_required_and_not_there(learning: Learning) -> None:
    options = PredictorOptions(plan=PLAN, parameters="artifact:/words-session/params", parameters_required=True)
    with pytest.raises(FailedPrecondition, match="has not been produced yet"):
        learning.get_predictor_client(options).predict({"x": 1.0})


def test_refusal_names_the_feature(learning: Learning) -> None:
    with pytest.raises(InvalidArgument, match="'x'") as caught:
        learning.get_predictor_client(PredictorOptions(plan=PLAN)).predict({"y": 1.0})
    assert caught.value.reason == "FEATURE_MISSING"


def test_prediction_is_repeated_while_the_worker_restarts(memory: testing.Device, learning: Learning) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=PLAN))
    memory.fail("Prediction/Predict", Unavailable("it restarts", reason="WORKER_GONE"), times=2)
    assert predictor.predict({"x": 1.0})["sum"].tolist() == 1.0


def test_training_session(memory: testing.Device, learning: Learning) -> None:
    options = TrainerOptions("words-session", plan=TRAINING_PLAN, output="artifact:/words-session/params")
    trainer = learning.get_trainer_client(options)
    with pytest.raises(NotFound):
        trainer.status()
    status = trainer.schedule()
    assert (status.session, status.state, status.output_version) == ("words-session", SessionState.WAITING, 0)
    assert "idle: unknown" in status.reasons[0]
    readings = {reading.name: reading.satisfied for reading in status.conditions}
    assert (readings["idle"], readings["examples"], readings["consent"]) == (False, False, True)
    assert trainer.status() == status
    trainer.stop()
    with pytest.raises(NotFound):
        trainer.stop()


def test_stopping_is_not_repeated(memory: testing.Device, learning: Learning) -> None:
    trainer = learning.get_trainer_client(
        TrainerOptions("words-session", plan=TRAINING_PLAN, output="artifact:/words-session/p")
    )
    trainer.schedule()
    memory.fail("Training/Stop", Unavailable("busy"))
    with pytest.raises(Unavailable):
        trainer.stop()
    assert memory.count("Training/Stop") == 1


def test_cadences() -> None:
    def sent(options: TrainerOptions) -> object:
        return options_to_wire(options, "file:p#sha256=0").cadence.WhichOneof("kind")

    common = {"session": "s", "plan": PLAN, "output": "artifact:/s/p"}
    assert sent(TrainerOptions(**common)) == "continuous"  # type: ignore[arg-type]
    assert sent(TrainerOptions(**common, cadence=Times("0 3 * * *"))) == "times"  # type: ignore[arg-type]
    assert sent(TrainerOptions(**common, cadence=OneOff())) == "one_off"  # type: ignore[arg-type]
    hourly = options_to_wire(TrainerOptions(**common, cadence=Continuous(timedelta(hours=1))), "")  # type: ignore[arg-type]
    assert hourly.cadence.continuous.seconds == 3600


def test_state_of_a_newer_daemon() -> None:
    with pytest.raises(Internal, match="update the client library"):
        SessionStatus.from_wire(training_pb2.SessionStatus(state=99))  # type: ignore[arg-type]
