"""What `author` makes of models, checked through the engines that will run it."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from insitu.v1 import example_pb2, plan_pb2
from ml_engines.parameters import load_parameters, tensor_types
from plan_toolkit import AcceptanceGate, BadArgument, ExampleQuery, Feed, PlanRejected
from plan_toolkit.verify import loaded
from tests.toolkit.authored import Scorer, authored, mlp, rows, stack

SIGNATURES = {"train", "infer", "evaluate", "get_parameters", "set_parameters"}
STATE = {"get_optimizer_state", "set_optimizer_state"}


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        ("sgd", set()),
        (keras.optimizers.SGD(0.1, momentum=0.9), {"iteration", "dense_kernel_momentum"}),
        ("adam", {"iteration", "dense_kernel_momentum", "dense_kernel_velocity"}),
    ],
    ids=["sgd", "momentum", "adam"],
)
def test_graphs_have_their_signatures(engine, optimizer, state):
    plans = authored(mlp(8, 6, 3), engine=engine, optimizer=optimizer)
    assert plans.training.engine.name == plans.inference.engine.name == engine
    with loaded(plans.inference) as model:
        assert set(model.signatures()) == {"infer", "get_parameters", "set_parameters"}
    with loaded(plans.training) as model:
        signatures = model.signatures()
        assert set(signatures) == SIGNATURES | (STATE if state else set())
        assert set(signatures["train"].inputs) == set(signatures["evaluate"].inputs) == {"x", "label"}
        assert set(signatures["train"].outputs) == {"loss"}
        assert set(signatures["infer"].outputs) == {"probabilities"}
        if state:
            assert state <= set(signatures["get_optimizer_state"].outputs)
            assert signatures["get_optimizer_state"].outputs.keys() == signatures["set_optimizer_state"].inputs.keys()


def test_both_plans_hold_the_weights_as_base_parameters():
    model = mlp(8, 6, 3)
    plans = authored(model)
    assert list(plans.inference.parameters) == list(plans.training.parameters)
    assert plans.inference.base_parameters == plans.training.base_parameters
    values = load_parameters(plans.inference.base_parameters, tensor_types(plans.inference.parameters))
    assert list(values) == ["dense_kernel", "dense_bias", "dense_1_kernel", "dense_1_bias"]
    for value, weight in zip(values.values(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, weight)


def test_the_authors_model_stays_as_it_is():
    model = stack((8,), keras.layers.Dense(5), keras.layers.BatchNormalization(), keras.layers.ReLU())
    before, optimizer = model.get_weights(), keras.optimizers.Adam(0.01)
    authored(model, optimizer=optimizer)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert int(optimizer.iterations) == 0
    assert not model.compiled


def test_parameter_names_do_not_count_the_models_of_a_process():
    names = [[spec.name for spec in authored(mlp(8, 6, 3), verify=False).training.parameters] for _ in range(2)]
    assert names[0] == names[1]


def test_setting_parameters_starts_the_optimizer_anew():
    plans = authored(mlp(8, 6, 3), optimizer="adam")
    base = load_parameters(plans.training.base_parameters, tensor_types(plans.training.parameters))
    batch = {"x": rows(8, 8), "label": np.arange(8) % 3}
    with loaded(plans.training) as model:
        results = []
        for _ in range(2):
            model.runner("set_parameters")(base)
            assert model.runner("get_optimizer_state")({})["iteration"] == 0
            model.runner("train")(batch)
            assert model.runner("get_optimizer_state")({})["iteration"] == 1
            results.append(model.runner("get_parameters")({})["dense_kernel"])
    np.testing.assert_array_equal(*results)


def test_evaluation_has_one_value_a_row():
    model = mlp(8, 6, 3)
    plans = authored(model)
    x, label = rows(8, 8), np.arange(8) % 3
    with loaded(plans.training) as graph:
        metrics = graph.runner("evaluate")({"x": x, "label": label})
    right = np.argmax(model.predict(x, verbose=0), axis=1) == label
    np.testing.assert_array_equal(metrics["accuracy"], right.astype(np.float32))
    assert metrics["loss"].shape == (8,)
    assert [(m.name, m.direction) for m in plans.training.training.metrics] == [
        ("loss", plan_pb2.LOWER_IS_BETTER),
        ("accuracy", plan_pb2.HIGHER_IS_BETTER),
    ]


def test_instructions_say_what_the_author_said():
    plans = authored(
        mlp(4, 3, 3),
        feeds=[Feed("context:power.level", "x", shape=(4,), default=0.5)],
        query=ExampleQuery("strokes", minimum_examples=10, holdout_share=0.25, maximum_age_s=60, context=("screen",)),
        steps=12,
        seed=5,
        acceptance_gate=AcceptanceGate("accuracy", 0.01, 4),
        start_from="base",
        context=("network",),
        parent="server/model@3",
    )
    training, inference = plans.training.training, plans.inference.inference
    assert training.WhichOneof("duration") == "steps"
    assert (training.steps, training.seed, training.batch_size) == (12, 5, 8)
    assert training.start_from == plan_pb2.START_FROM_BASE
    assert list(training.query.context) == ["network", "power", "screen"]
    assert list(inference.context) == ["network", "power"]
    assert training.acceptance_gate.metric == "accuracy"
    assert [feed.input for feed in training.feeds] == ["x", "label"]
    assert training.feeds[1].dtype == example_pb2.DATA_TYPE_INT64
    assert list(inference.feeds[0].default.float_list.value) == [0.5] * 4
    assert plans.training.parent == "server/model@3"


def test_several_inputs_reach_the_model_by_name():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    hidden = keras.layers.Dense(4, activation="relu")(keras.layers.Concatenate()([left, right]))
    model = keras.Model([left, right], keras.layers.Dense(3, activation="softmax")(hidden))
    plans = authored(model, feeds=[Feed("b", "right"), Feed("a", "left")])
    assert [(f.feature, f.input, list(f.shape)) for f in plans.inference.inference.feeds] == [
        ("b", "right", [2]),
        ("a", "left", [3]),
    ]


def test_a_subclassed_model_is_built_by_its_feeds():
    class Classifier(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = keras.layers.Dense(4, activation="relu", kernel_regularizer="l2")
            self.out = keras.layers.Dense(3)

        def call(self, x, training=False):
            return self.out(self.hidden(x))

    plans = authored(
        Classifier(),
        feeds=[Feed("x", shape=(5,))],
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with loaded(plans.inference) as model:
        answers = model.runner("infer")({"x": rows(5, 2)})
    assert answers.keys() == {"probabilities", "logits"}
    np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_a_module_ranks_by_its_own_loss(engine):
    plans = authored(
        Scorer(),
        engine=engine,
        feeds=[Feed("x", shape=(6,))],
        loss=lambda label, score: (score[:, 0] - label) ** 2,
        outputs=["scores"],
        score_output="scores",
    )
    assert [spec.name for spec in plans.training.parameters] == ["head", "scale", "weights"]
    assert [metric.name for metric in plans.training.training.metrics] == ["loss"]
    assert plans.inference.inference.score_output == "scores"
    with loaded(plans.inference) as model:
        assert model.runner("infer")({"x": rows(6, 11)})["scores"].shape == (11,)


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"loss": "nonsense"}, "loss"),
        ({"loss": lambda label, prediction: 0.0}, "loss"),
        ({"optimizer": "nonsense"}, "optimizer"),
        ({"feeds": []}, "feeds"),
        ({"feeds": [Feed("x"), Feed("y")]}, "feeds"),
        ({"label_feed": Feed("x")}, "label_feed"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": 1, "steps": 1}, "steps"),
        ({"acceptance_gate": AcceptanceGate("beauty")}, "acceptance_gate"),
        ({"score_output": "beauty"}, "score_output"),
        ({"score_output": "probabilities"}, "score_output"),
        ({"outputs": ["a", "b"]}, "outputs"),
    ],
)
def test_arguments_that_do_not_fit_are_named(changes, argument):
    with pytest.raises(BadArgument) as refused:
        authored(mlp(8, 6, 3), **changes)
    assert refused.value.argument == argument


def test_logits_read_as_probabilities_are_noticed():
    plans = authored(mlp(8, 6, 3, last=None), verify=False)
    assert [notice.code for notice in plans.notices] == ["logits-read-as-probabilities"]
    assert "from_logits=True" in plans.notices[0].message


def test_warnings_of_the_linter_are_notices():
    feeds = [Feed("context:power.level", "x", shape=(8,))]
    (notice, *_) = authored(mlp(8, 6, 3), feeds=feeds, verify=False).notices
    assert notice.code == "lint"
    assert "add a default" in notice.message


def test_what_is_no_model_is_refused():
    with pytest.raises(BadArgument, match=r"keras\.Model or a callable tf\.Module, not int"):
        authored(3)


def test_the_linter_has_the_last_word():
    with pytest.raises(PlanRejected, match="semantic version"):
        authored(mlp(8, 6, 3), version="one", verify=False)


def test_saved_plans_are_whole_files(tmp_path):
    plans = authored(mlp(8, 6, 3), verify=False)
    inference, training = plans.save(tmp_path)
    assert (inference, training) == (tmp_path / "test/model.infer.plan", tmp_path / "test/model.train.plan")
    assert plan_pb2.Plan.FromString(training.read_bytes()) == plans.training
    assert plan_pb2.Plan.FromString(inference.read_bytes()) == plans.inference
    assert len(list(inference.parent.iterdir())) == 2


def test_nothing_is_printed(capfd):
    authored(mlp(8, 6, 3))
    assert capfd.readouterr() == ("", "")


def test_importing_the_toolkit_does_not_import_tensorflow():
    code = "import sys, plan_toolkit; sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
