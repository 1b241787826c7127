"""Predicting, as an app sees it."""

from pathlib import Path

import pytest

from client_lib import DataLoss, FailedPrecondition, InvalidArgument, Learning, PredictorOptions
from tests.daemon.harness import Daemon


@pytest.fixture
def learning(daemon: Daemon) -> "Learning":
    with daemon.connect(daemon.app("com.example.predicting")) as connected:
        yield connected


def _infer(plans: Path) -> Path:
    (plan,) = plans.rglob("*.infer.plan")
    return plan


def test_base_parameters_serve_at_once(learning: Learning, charging_plans: Path) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    prediction = predictor.predict({"x": [0.5, 1.0]})
    assert prediction.outputs["probabilities"].shape == (3,)
    assert sum(prediction.outputs["probabilities"].values) == pytest.approx(1.0, abs=1e-5)
    assert prediction.served_by.plan_name == "test/charging"
    assert prediction.served_by.parameters_version == 0


def test_many_rows_are_as_one_by_one(learning: Learning, charging_plans: Path) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    rows = [{"x": [i / 7, -i / 5]} for i in range(20)]
    many = predictor.predict_many(rows).outputs["probabilities"]
    assert many.shape == (20, 3)
    single = [value for row in rows for value in predictor.predict(row).outputs["probabilities"].values]
    assert list(many.values) == pytest.approx(single, abs=1e-6)


def test_columns_are_as_their_rows(learning: Learning, charging_plans: Path) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    table = [[i / 7, -i / 5] for i in range(20)]
    rows = predictor.predict_many([{"x": row} for row in table])
    assert predictor.predict_columns({"x": table}) == rows
    assert predictor.predict_columns({"x": table, "context:power.charging": [1.0] * 20}) == rows
    with pytest.raises(InvalidArgument, match="wants \\[2\\]"):
        predictor.predict_columns({"x": [[1.0, 2.0, 3.0]]})


def test_context_enters_only_where_granted(daemon: Daemon, charging_plans: Path) -> None:
    daemon.set_context("power", charging=1, on_battery=0)
    options = PredictorOptions(plan=_infer(charging_plans))
    with daemon.connect(daemon.new_app("com.example.granted", context=("power.charging",))) as granted:
        predictor = granted.get_predictor_client(options)
        charging = predictor.predict({"x": [0.5, 1.0]}).outputs["probabilities"].values
        with daemon.connect(daemon.new_app("com.example.ungranted")) as ungranted:
            default = ungranted.get_predictor_client(options).predict({"x": [0.5, 1.0]}).outputs["probabilities"].values
        assert list(charging) != pytest.approx(list(default), abs=1e-6)
        forged = predictor.predict({"x": [0.5, 1.0], "context:power.charging": 0.0}).outputs["probabilities"].values
        assert list(forged) == pytest.approx(list(charging), abs=1e-7)
        with daemon.control() as control:
            control.set_permission("com.example.granted", "power", granted=False)
        revoked = predictor.predict({"x": [0.5, 1.0]}).outputs["probabilities"].values
        assert list(revoked) == pytest.approx(list(default), abs=1e-7)


def test_candidates_come_back_best_first(learning: Learning, ranking_plans: Path) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(ranking_plans)))
    candidates = [{"x": [0.0, score]} for score in (0.1, 0.9, -3.0, 0.5)]
    ranked = predictor.predict_rank(context={"unused": 1.0}, candidates=candidates)
    assert [one.index for one in ranked] == [1, 3, 0, 2]
    assert [one.score for one in ranked] == pytest.approx([0.9, 0.5, 0.1, -3.0])
    shared = predictor.predict_rank(context={"x": [0.0, 7.0]}, candidates=[{}, {"x": [0.0, 8.0]}])
    assert [(one.index, one.score) for one in shared] == [(1, pytest.approx(8.0)), (0, pytest.approx(7.0))]


def test_tensorflow_plans_serve_beside_litert(learning: Learning, tensorflow_plans: Path, charging_plans: Path) -> None:
    slow = learning.get_predictor_client(PredictorOptions(plan=_infer(tensorflow_plans)))
    fast = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    assert slow.predict({"x": [0.5, 1.0]}).served_by.plan_name == "test/tensorflow"
    assert fast.predict({"x": [0.5, 1.0]}).served_by.plan_name == "test/charging"


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ({"y": [1.0, 2.0]}, "x"),
        ({"x": [1.0]}, "x"),
        ({"x": ["text", "text"]}, "x"),
        ({}, "x"),
    ],
)
def test_a_bad_input_names_the_feature(
    learning: Learning, charging_plans: Path, example: dict[str, object], told: str
) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    with pytest.raises(InvalidArgument, match=told):
        predictor.predict(example)


def test_required_parameters_that_are_not_there(learning: Learning, charging_plans: Path) -> None:
    options = PredictorOptions(
        plan=_infer(charging_plans), parameters="artifact:/nobody/params", parameters_required=True
    )
    with pytest.raises(FailedPrecondition, match="not been produced") as caught:
        learning.get_predictor_client(options).predict({"x": [0.5, 1.0]})
    assert caught.value.reason == "NOT_PRODUCED"


def test_what_is_no_inference_plan_is_refused(learning: Learning, charging_plans: Path) -> None:
    (training,) = charging_plans.rglob("*.train.plan")
    with pytest.raises(InvalidArgument, match="no inference plan"):
        learning.get_predictor_client(PredictorOptions(plan=training)).predict({"x": [0.5, 1.0]})
    with pytest.raises(InvalidArgument, match="plan"):
        learning.get_predictor_client(PredictorOptions(plan=b"no plan at all")).predict({"x": [0.5, 1.0]})
    unranked = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans)))
    with pytest.raises(InvalidArgument, match="score_output"):
        unranked.predict_rank(context={}, candidates=[{"x": [0.5, 1.0]}])
    with pytest.raises(FailedPrecondition, match="repository"):
        learning.get_predictor_client(PredictorOptions(plan="mrepo:/keyboard/infer")).predict({"x": [0.5, 1.0]})


def test_parameters_of_another_model_are_refused(learning: Learning, charging_plans: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    options = PredictorOptions(plan=_infer(charging_plans), parameters=f"file:{wrong}")
    with pytest.raises((DataLoss, InvalidArgument)):
        learning.get_predictor_client(options).predict({"x": [0.5, 1.0]})


@pytest.mark.parametrize("uri", ["artifact:", "artifact:x", "artifact:/../../etc", "artifact:/a/" + "b" * 100_000])
def test_a_malformed_artifact_is_no_base_model(learning: Learning, charging_plans: Path, uri: str) -> None:
    predictor = learning.get_predictor_client(PredictorOptions(plan=_infer(charging_plans), parameters=uri))
    with pytest.raises(InvalidArgument, match=r"model\.parameters"):
        predictor.predict({"x": [0.5, 1.0]})
