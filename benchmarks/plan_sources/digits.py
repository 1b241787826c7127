"""The 64-64-10 network of the benchmarks. A run lasts some seconds, so that its pace can be told from its beginning."""

import keras

from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author


def plan() -> AuthoredPlans:
    model = keras.Sequential(
        [
            keras.Input((64,), name="pixels"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    return author(
        model,
        name="digits",
        version="1.0.0",
        engine="litert",
        feeds=[Feed("pixels")],
        label_feed=Feed("label"),
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.SGD(0.01),
        query=ExampleQuery("digits", minimum_examples=100, holdout_share=0.2, context=("power", "day")),
        batch_size=32,
        epochs=400,
        context=("power", "day"),
    )
