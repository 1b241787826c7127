"""Plans for TensorFlow: what LiteRT cannot express, and resuming it exactly."""

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from ml_engines.parameters import dump_parameters, load_parameters
from plan_toolkit import Feed
from plan_toolkit.verify import loaded
from tests.toolkit.authored import authored, mlp, rows, stack

layers = keras.layers


def test_breast_cancer_is_learnt():
    features, labels = load_breast_cancer(return_X_y=True)
    features = StandardScaler().fit_transform(features).astype(np.float32)
    plans = authored(
        mlp(30, 16, 1, last="sigmoid"),
        engine="tensorflow",
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(0.01),
        label_feed=Feed("malignant", "label"),
    )
    with loaded(plans.training) as model:
        train, evaluate = model.runner("train"), model.runner("evaluate")
        held_out = {"x": features[400:], "label": labels[400:].astype(np.float32)}
        before = evaluate(held_out)["accuracy"].mean()
        for start in range(0, 400, 32):
            train({"x": features[start : start + 32], "label": labels[start : start + 32].astype(np.float32)})
        after = evaluate(held_out)["accuracy"].mean()
    assert after > 0.9 > before


def test_dropout_resumes_with_its_random_state():
    model = stack((8,), layers.Dense(16, activation="relu"), layers.Dropout(0.5))
    plans = authored(model, engine="tensorflow")
    batches = [{"x": rows(8, 8, seed), "label": np.arange(8) % 3} for seed in range(4)]
    with loaded(plans.training) as graph:
        state = graph.runner("get_optimizer_state")
        assert state({})["state_0"].dtype == np.int64
        for batch in batches[:2]:
            graph.runner("train")(batch)
        saved_state, saved = state({}), graph.runner("get_parameters")({})
        went_on = [float(graph.runner("train")(batch)["loss"]) for batch in batches[2:]]
        types = graph.signatures()["get_optimizer_state"].outputs
        blob = dump_parameters(saved_state, types)
        graph.runner("set_parameters")(saved)
        graph.runner("set_optimizer_state")(load_parameters(blob, types))
        assert [float(graph.runner("train")(batch)["loss"]) for batch in batches[2:]] == went_on


def test_text_reaches_a_lookup_free_model_as_bytes():
    class Length(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.out = layers.Dense(3, activation="softmax")

        def call(self, inputs, training=False):
            import tensorflow as tf

            lengths = tf.cast(tf.strings.length(inputs), tf.float32)
            return self.out(tf.reshape(lengths, [-1, 1]))

    plans = authored(Length(), feeds=[Feed("x", dtype="bytes", default="")])
    assert plans.inference.engine.name == "tensorflow"
    assert list(plans.inference.inference.feeds[0].default.bytes_list.value) == [b""]
