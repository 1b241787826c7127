"""Models and arguments that the tests author plans from."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author


def mlp(
    inputs: int = 64, hidden: int = 64, outputs: int = 10, activation: Any = "relu", last: str | None = "softmax"
) -> Any:
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((inputs,), name="x"),
            keras.layers.Dense(hidden, activation=activation),
            keras.layers.Dense(outputs, activation=last),
        ]
    )


def stack(shape: tuple[int, ...], *layers: Any, classes: int = 3, dtype: str = "float32") -> Any:
    """A softmax classifier on top of some layers."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [keras.Input(shape, dtype=dtype, name="x"), *layers, keras.layers.Dense(classes, activation="softmax")]
    )


class Scorer(tf.Module):  # type: ignore[misc]
    """A module of plain TensorFlow: a traced inner call, a branch on a tensor, a counter that nothing trains."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.random.stateless_normal((6, 5), (1, 2)), name="weights")
        self.head = tf.Variable(tf.random.stateless_normal((5, 1), (3, 4)), name="head")
        self.scale = tf.Variable(1.0, trainable=False, name="scale")

    @tf.function  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        if tf.reduce_max(x) > 100.0:
            x = x / 100.0
        return tf.nn.relu(x @ self.weights) @ self.head * self.scale


def authored(model: Any, **changes: Any) -> AuthoredPlans:
    """Plans of a classifier with one input "x", unless `changes` say otherwise."""
    arguments: dict[str, Any] = {
        "name": "test/model",
        "version": "1.0.0",
        "feeds": [Feed("x")],
        "label_feed": Feed("label"),
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "sgd",
        "query": ExampleQuery("examples"),
        "batch_size": 8,
    }
    return author(model, **{**arguments, **changes})


def rows(plan_inputs: int, count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((count, plan_inputs)).astype(np.float32)
