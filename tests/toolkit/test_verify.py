"""The comparison with the author's model notices what is wrong, and lets through what is only rounding."""

from dataclasses import replace

import keras
import pytest
import tensorflow as tf

from plan_toolkit import AuthoredPlans, Feed, GraphsDisagree, gradients
from plan_toolkit.drafts import make_draft
from plan_toolkit.verify import verify
from tests.toolkit.authored import authored, mlp, stack


def draft(model, optimizer="sgd", loss="sparse_categorical_crossentropy"):
    return make_draft(model, [Feed("x")], Feed("label"), loss, optimizer, (), "", 8, 0, {})


def test_another_learning_rate_is_noticed():
    plans = authored(mlp(8, 6, 3), optimizer=keras.optimizers.SGD(0.02), verify=False)
    with pytest.raises(GraphsDisagree, match=r"train: (the loss of step|after 6 steps the parameter)"):
        verify(plans, draft(mlp(8, 6, 3), keras.optimizers.SGD(0.01)))


def test_another_loss_is_noticed():
    plans = authored(mlp(8, 6, 3, last=None), loss="mse", label_feed=Feed("label", shape=(3,)), verify=False)
    other = replace(draft(mlp(8, 6, 3, last=None), loss="mae"), label=Feed("label", dtype="float32", shape=(3,)))
    with pytest.raises(GraphsDisagree, match="the loss of step 1"):
        verify(plans, other)


def test_a_wrong_gradient_is_noticed(monkeypatch):
    monkeypatch.setitem(gradients._GRADIENTS, "Relu", None)
    registered = gradients._name
    monkeypatch.setattr(
        gradients, "_name", lambda kind: "TestOfVerifyWrongRelu" if kind == "Relu" else registered(kind)
    )
    tf.RegisterGradient("TestOfVerifyWrongRelu")(lambda op, upstream: upstream)
    with pytest.raises(GraphsDisagree, match="train:"):
        authored(mlp(8, 6, 3), engine="litert")


def test_another_inference_graph_is_noticed():
    mine = authored(mlp(8, 6, 3), verify=False)
    theirs = authored(mlp(8, 6, 3, activation="tanh"), verify=False)
    with pytest.raises(GraphsDisagree, match="infer of the inference plan: the output 'probabilities' of 1 rows"):
        verify(AuthoredPlans(theirs.inference, mine.training), draft(mlp(8, 6, 3)))


def test_rounding_that_adam_blows_up_is_let_through():
    """The gradient of a bias before batch normalisation is zero but for rounding."""
    model = stack((8,), keras.layers.Dense(6), keras.layers.BatchNormalization(), keras.layers.ReLU())
    authored(model, engine="litert", optimizer=keras.optimizers.Adam(0.1))
