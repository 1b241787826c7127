"""A small convolutional network on images of 8 by 8."""

import keras

from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author


def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def plan() -> AuthoredPlans:
    return author(
        model(),
        name="cnn",
        version="1.0.0",
        engine="litert",
        feeds=[Feed("pixels")],
        label_feed=Feed("label"),
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.SGD(0.01),
        query=ExampleQuery("digits", minimum_examples=100, holdout_share=0.2),
        batch_size=32,
        epochs=80,
    )
