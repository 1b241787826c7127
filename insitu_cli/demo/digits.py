"""An app that reads handwritten digits; it learns the user's handwriting by LiteRT."""

from collections.abc import Iterable

import keras
import numpy as np
from numpy.typing import NDArray

from client_lib import PredictorClient
from insitu_cli.demo import data
from insitu_cli.demo.app import App, Features, fit_base
from insitu_cli.demo.measures import accuracy
from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author


class Digits(App):
    name = "digits"
    does = "reads handwritten digits"
    base = "trained on 130 images, about one of the 13 writers; the user's digits are by the other writers"
    measure = "accuracy"
    context = ("day", "power", "network")

    def __init__(self) -> None:
        super().__init__(data.digits())

    def author(self) -> AuthoredPlans:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((64,)),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        developer = self.shares.developer
        fit_base(model, developer.inputs, developer.labels, "sparse_categorical_crossentropy")
        return author(
            model,
            name=self.name,
            version="1.0.0",
            engine="litert",
            feeds=[Feed("pixels")],
            label_feed=Feed("label"),
            loss="sparse_categorical_crossentropy",
            optimizer=keras.optimizers.SGD(0.01),
            query=ExampleQuery(self.name, minimum_examples=100, context=self.context),
            batch_size=8,
            # More than it needs: the run is to last long enough to be interrupted.
            epochs=2000,
        )

    def stream(self) -> Iterable[Features]:
        user = self.shares.user
        return ({"pixels": image, "label": label} for image, label in zip(user.inputs, user.labels, strict=True))

    def quality(self, predictor: PredictorClient) -> float:
        return accuracy(self.read(predictor), self.shares.test.labels)

    def read(self, predictor: PredictorClient) -> NDArray[np.int64]:
        """What is read in each digit of the test share."""
        answers = predictor.predict_many([{"pixels": image} for image in self.shares.test.inputs])
        read: NDArray[np.int64] = np.asarray(answers["probabilities"]).argmax(axis=1)
        return read
