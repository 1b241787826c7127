"""Layers, losses and optimizers that train by LiteRT's built-ins alone, each compared with Keras by `author`."""

import keras
import numpy as np
import pytest

from plan_toolkit import Feed
from tests.toolkit.authored import authored, mlp, stack

layers, losses, optimizers = keras.layers, keras.losses, keras.optimizers
schedules = keras.optimizers.schedules


@pytest.mark.parametrize(
    "activation",
    ["relu", "tanh", "sigmoid", "softmax", "leaky_relu", "elu", "softplus", "silu", "relu6", "exponential", "linear"],
)
def test_activations(activation):
    authored(mlp(8, 6, 3, activation=activation), engine="litert")


STACKS = {
    "layer normalisation": lambda: stack((8,), layers.Dense(6), layers.LayerNormalization(), layers.ReLU()),
    "batch normalisation": lambda: stack((8,), layers.Dense(6), layers.BatchNormalization(), layers.ReLU()),
    "input normalisation": lambda: stack((8,), layers.Normalization(), layers.Dense(6, activation="relu")),
    "regularizer": lambda: stack((8,), layers.Rescaling(0.1), layers.Dense(6, "relu", kernel_regularizer="l2")),
    "convolution": lambda: stack(
        (8, 8, 1), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(3, 3), layers.Flatten()
    ),
    "wide convolution": lambda: stack(
        (4, 28, 1), layers.Conv2D(6, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()
    ),
    "strided convolution": lambda: stack(
        (9, 7, 2), layers.Conv2D(4, 3, 2, "same", activation="relu"), layers.Flatten()
    ),
    "one-dimensional": lambda: stack((8, 2), layers.Conv1D(4, 3), layers.MaxPooling1D(2), layers.Flatten()),
    "average pooling": lambda: stack((6, 6, 2), layers.Conv2D(3, 3), layers.AveragePooling2D(2), layers.Flatten()),
    # The converter loses these activations unless it is kept from fusing them.
    "relu without bias": lambda: stack((8,), layers.Dense(6, "relu", use_bias=False), layers.Dense(5), layers.ReLU()),
    "relu6 without bias": lambda: stack((8, 3), layers.Dense(6, "relu6", use_bias=False), layers.Flatten()),
    "embedding": lambda: stack((6,), layers.Embedding(2, 4), layers.GlobalAveragePooling1D(), dtype="int32"),
}


@pytest.mark.parametrize("model", STACKS.values(), ids=STACKS)
def test_layers(model):
    authored(model(), engine="litert", optimizer="adam")


@pytest.mark.parametrize(
    ("loss", "outputs", "last", "label"),
    [
        ("binary_crossentropy", 1, "sigmoid", Feed("label")),
        (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), 1, None, Feed("label", dtype="int64")),
        (losses.SparseCategoricalCrossentropy(from_logits=True), 3, None, Feed("label", dtype="int32")),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), 3, "softmax", Feed("label", shape=(3,))),
        ("mean_squared_error", 1, None, Feed("label")),
        ("mse", 2, None, Feed("label", shape=(2,))),
        ("huber", 1, None, Feed("label")),
        (losses.MeanAbsoluteError(reduction="sum"), 1, None, Feed("label")),
    ],
)
def test_losses(loss, outputs, last, label):
    authored(mlp(8, 6, outputs, last=last), engine="litert", loss=loss, label_feed=label)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5)),
        optimizers.Adam(schedules.CosineDecay(0.01, 100), global_clipnorm=0.1),
        optimizers.AdamW(0.01),
        "rmsprop",
        "adagrad",
    ],
)
def test_optimizers(optimizer):
    authored(mlp(8, 6, 3), engine="litert", optimizer=optimizer)


def test_a_sample_stands_for_inputs_that_cannot_be_random():
    words = {"x": np.arange(60, dtype=np.int32).reshape(10, 6) % 50}
    model = stack((6,), layers.Embedding(50, 4), layers.Flatten(), dtype="int32")
    authored(model, engine="litert", sample=words)


def test_a_fixed_inference_batch():
    plans = authored(mlp(8, 6, 3), engine="litert", inference_batch_size=4)
    assert plans.inference.inference.batch_size == 4
