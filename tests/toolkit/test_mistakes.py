"""What the author's own model or loss raises is told as an argument that does not fit, with its cause."""

import keras
import pytest
import tensorflow as tf

from plan_toolkit import BadArgument, Feed
from plan_toolkit.mistakes import point_of
from tests.toolkit.authored import authored, mlp

layers = keras.layers
SIX = [Feed("x", shape=(6,))]


class Product(tf.Module):
    """Answers x @ w, sent through a function."""

    def __init__(self, change=lambda product, x: product):
        super().__init__()
        self.w = tf.Variable(tf.ones((6, 3)), name="w")
        self.change = change

    def __call__(self, x):
        return self.change(x @ self.w, x)


class Traced(Product):
    __call__ = tf.function(Product.__call__)


class ByName(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(3)

    def call(self, inputs):
        return self.head(inputs["x"])


def scalars(engine):
    class Scaled(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(0.5, name="w")

        def __call__(self, x):
            return x * self.w

    return authored(Scaled(), engine=engine, loss="mean_squared_error")


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_a_row_may_be_a_single_value(engine):
    plans = scalars(engine)
    assert [list(feed.shape) for feed in plans.training.training.feeds] == [[], []]


@pytest.mark.parametrize("loss", ["mae", "huber", "binary_crossentropy"])
def test_other_losses_take_single_values_too(loss):
    authored(Product(lambda product, x: tf.sigmoid(product[:, 0])), feeds=SIX, loss=loss, engine="tensorflow")


@pytest.mark.parametrize(
    ("model", "feeds", "message"),
    [
        (Product, [Feed("x", shape=(5,))], r"fails on its feeds, x of float32 \[batch, 5\].*ValueError: Dimensions"),
        (Traced, [Feed("x", shape=(5,))], r"feeds, x of float32 \[batch, 5\].*ValueError: Dimensions must be equal"),
        (lambda: mlp(8, 6, 3), [Feed("x", shape=(5,))], r"x of float32 \[batch, 5\].*expected axis -1 .* value 8"),
        (ByName, SIX, r"one input reaches the model as a tensor\): TypeError: Only integers, slices .* got 'x'$"),
    ],
)
def test_a_model_that_fails_on_its_feeds_is_told(model, feeds, message):
    with pytest.raises(BadArgument, match=message) as refused:
        authored(model(), feeds=feeds)
    assert refused.value.argument == "model"
    assert isinstance(refused.value.__cause__, ValueError | TypeError)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, x: tf.reshape(y, (x.shape[0], 3)), r"fails on its feeds.*TypeError"),
        (lambda y, x: tf.py_function(lambda v: v, [y], tf.float32), r"unknown shape.*holds no Python"),
        (lambda y, x: tf.ensure_shape(tf.py_function(lambda v: v, [y], tf.float32), y.shape), r"calls Python at"),
        (lambda y, x: tf.reduce_sum(y), r"a tensor of shape \[\]; let its first axis be the batch"),
        (lambda y, x: tf.reduce_sum(y, 0, keepdims=True), r"a tensor of shape \[1, 3\]; let its first axis be"),
        (lambda y, x: "three", r"answers with str"),
        (lambda y, x: tf.bitcast(tf.bitcast(y, tf.int32), tf.float32), r"no gradient of the loss reaches a trainable"),
        (lambda y, x: tf.raw_ops.SoftsignGrad(gradients=y, features=y), r"cannot be trained: LookupError.*Softsign"),
    ],
)
def test_an_answer_without_a_row_for_each_example_is_told(change, message):
    with pytest.raises(BadArgument, match=message) as refused:
        authored(Product(change), feeds=SIX, engine="tensorflow")
    assert refused.value.argument == "model"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_feed": Feed("label", shape=(2,))}, r"labels of int64 \(8, 2\) and the model's answers of float32"),
        ({"loss": "mse", "label_feed": Feed("label", shape=(2,))}, r"label_feed.*ValueError: Dimensions"),
        ({"loss": lambda label, prediction: [1.0, 2.0]}, r"gave values of shape \(2,\)"),
        ({"loss": lambda label, prediction: prediction["x"]}, r"fails on labels of float32 \(8,\)"),
    ],
)
def test_a_loss_that_fails_on_the_answers_is_told(changes, message):
    with pytest.raises(BadArgument, match=message) as refused:
        authored(mlp(8, 6, 3), engine="litert", verify=False, **changes)
    assert refused.value.argument == "loss"


def test_classes_need_one_value_each():
    with pytest.raises(BadArgument, match=r"needs one value for each class; let the model answer \[batch, classes\]"):
        authored(Product(lambda product, x: product[:, 0]), feeds=SIX)


@pytest.mark.parametrize(
    ("message", "point"),
    [
        ("", "ValueError: "),
        ("first\nsecond", "ValueError: first"),
        ("Exception encountered when calling D.call().\n\n\x1b[1mwrong\x1b[0m\n\nArguments", "ValueError: wrong"),
        ('in user code:\n\n    File "a.py", line 3, in f  *\n        x\n\n    KeyError: no x\n', "ValueError: no x"),
        ("y" * 400, f"ValueError: {'y' * 300}…"),
    ],
)
def test_the_point_of_an_error_is_one_line(message, point):
    assert point_of(ValueError(message)) == point
