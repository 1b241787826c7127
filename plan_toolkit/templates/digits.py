"""A classifier of handwritten digits that learns on the device from its user's own hand.

Build it with `insitu plan build FILE`: the inference plan and the training plan appear beside this file.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

from plan_toolkit import AcceptanceGate, AuthoredPlans, ExampleQuery, Feed, author

NAME = "digits"
COLLECTION = "digits"


def base_model() -> keras.Model:
    """What serves before the device has learnt: trained on a few of the 1,797 digits, so right about half the time."""
    model = keras.Sequential(
        [
            keras.Input((64,), name="pixels"),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    images, labels = load_digits(return_X_y=True)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.fit(images[:100].astype(np.float32), labels[:100], batch_size=10, epochs=2, verbose=0)
    return model


def plan() -> AuthoredPlans:
    return author(
        base_model(),
        name=NAME,
        version="0.1.0",
        # The app adds examples like {"pixels": [0.0, ...], "label": 3} to the collection.
        feeds=[Feed("pixels", default=0.0)],
        label_feed=Feed("label"),
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(0.003),
        batch_size=32,
        epochs=10,
        query=ExampleQuery(COLLECTION, minimum_examples=64, holdout_share=0.2),
        acceptance_gate=AcceptanceGate("accuracy", minimum_holdout_examples=10),
    )


if __name__ == "__main__":
    plan().save("build")
