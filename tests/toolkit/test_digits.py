"""The main case: digits, 64-64-10 with ReLU, by LiteRT's built-ins, as good as Keras."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from plan_toolkit.verify import loaded
from tests.toolkit.authored import authored, mlp

BATCH, EPOCHS, HELD_OUT = 32, 8, 357


def digits():
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    return (images[order] / 16).astype(np.float32), labels[order].astype(np.int64)


@pytest.mark.parametrize(
    "make", [lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.Adam(0.003)], ids=["sgd", "adam"]
)
def test_training_by_the_plan_reaches_the_accuracy_of_keras(make):
    images, labels = digits()
    train_x, train_y = images[:-HELD_OUT], labels[:-HELD_OUT]
    plans = authored(mlp(), engine="litert", optimizer=make(), batch_size=BATCH)

    reference = mlp()
    reference.compile(optimizer=make(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    reference.fit(train_x, train_y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
    _, wanted = reference.evaluate(images[-HELD_OUT:], labels[-HELD_OUT:], verbose=0)

    with loaded(plans.training) as model:
        train = model.runner("train")
        for _ in range(EPOCHS):
            for start in range(0, len(train_x) - BATCH + 1, BATCH):
                train({"x": train_x[start : start + BATCH], "label": train_y[start : start + BATCH]})
        trained = model.runner("get_parameters")({})
    with loaded(plans.inference) as model:
        model.runner("set_parameters")(trained)
        answers = model.runner("infer")({"x": images[-HELD_OUT:]})["probabilities"]
    accuracy = np.mean(answers.argmax(axis=1) == labels[-HELD_OUT:])
    assert accuracy > 0.9
    assert accuracy >= wanted - 0.02
