"""Plans for tests with a real daemon, as an author would make them; made once for a whole test run."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plan_toolkit import AuthoredPlans

CLASSES = 3


def made_once(folder: Path, name: str, make: Callable[[], "AuthoredPlans"]) -> Path:
    """A folder with NAME.infer.plan and NAME.train.plan; several test processes share it."""
    target = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            fresh = folder / f"{name}.{os.getpid()}"
            fresh.mkdir()
            make().save(fresh)
            fresh.rename(target)
    return target


def with_context() -> "AuthoredPlans":
    """A classifier of two numbers and whether the device charges; LiteRT."""
    import keras

    from plan_toolkit import AcceptanceGate, ExampleQuery, Feed, author

    keras.utils.set_random_seed(3)
    x, charging = keras.Input((2,), name="x"), keras.Input((1,), name="charging")
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()([x, charging]))
    model = keras.Model([x, charging], keras.layers.Dense(CLASSES, activation="softmax")(hidden))
    return author(
        model,
        name="test/charging",
        version="1.0.0",
        feeds=[
            Feed("x", shape=(2,)),
            Feed("context:power.charging", input="charging", dtype="float32", shape=(1,), default=0.5),
        ],
        label_feed=Feed("label"),
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(0.02),
        batch_size=16,
        epochs=30,
        query=ExampleQuery("points", minimum_examples=32, holdout_share=0.2),
        acceptance_gate=AcceptanceGate("accuracy", minimum_holdout_examples=5),
    )


def on_tensorflow() -> "AuthoredPlans":
    """A classifier of two numbers; TensorFlow."""
    import keras

    from plan_toolkit import ExampleQuery, Feed, author

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((2,), name="x"), keras.layers.Dense(8, "gelu"), keras.layers.Dense(CLASSES, "softmax")]
    )
    return author(
        model,
        name="test/tensorflow",
        version="1.0.0",
        feeds=[Feed("x", shape=(2,))],
        label_feed=Feed("label"),
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        batch_size=16,
        epochs=5,
        engine="tensorflow",
        query=ExampleQuery("points", minimum_examples=32, holdout_share=0.2),
    )


def ranking() -> "AuthoredPlans":
    """Scores candidates by one shared and one own number; LiteRT."""
    import keras
    import numpy as np

    from plan_toolkit import ExampleQuery, Feed, author

    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, use_bias=False, name="score")])
    model.layers[-1].set_weights([np.array([[0.0], [1.0]])])
    return author(
        model,
        name="test/ranking",
        version="1.0.0",
        feeds=[Feed("x", shape=(2,))],
        label_feed=Feed("relevance"),
        loss="mean_squared_error",
        outputs=["score"],
        score_output="score",
        query=ExampleQuery("shown"),
    )
