"""An app that tells benign from malignant tumours; it learns from a clinic's own patients by TensorFlow."""

from collections.abc import Iterable

import keras
import numpy as np

from client_lib import PredictorClient
from insitu_cli.demo import data
from insitu_cli.demo.app import App, Features, fit_base
from insitu_cli.demo.measures import accuracy
from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author


class Clinic(App):
    name = "clinic"
    does = "tells benign from malignant tumours"
    base = "trained on 12 patients drawn at random"
    measure = "accuracy"
    context = ("device", "activity")

    def __init__(self) -> None:
        super().__init__(data.breast_cancer())

    def author(self) -> AuthoredPlans:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((30,)),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.Dense(1, activation="sigmoid", name="benign"),
            ]
        )
        developer = self.shares.developer
        fit_base(model, developer.inputs, developer.labels, "binary_crossentropy")
        return author(
            model,
            name=self.name,
            version="1.0.0",
            engine="tensorflow",
            feeds=[Feed("cells")],
            label_feed=Feed("benign", "label"),
            loss="binary_crossentropy",
            outputs=["probability"],
            optimizer="adam",
            query=ExampleQuery(self.name, minimum_examples=100, context=self.context),
            batch_size=16,
            epochs=40,
        )

    def stream(self) -> Iterable[Features]:
        user = self.shares.user
        return ({"cells": cells, "benign": label} for cells, label in zip(user.inputs, user.labels, strict=True))

    def quality(self, predictor: PredictorClient) -> float:
        test = self.shares.test
        answers = predictor.predict_many([{"cells": cells} for cells in test.inputs])
        return accuracy(np.asarray(answers["probability"]).ravel() > 0.5, test.labels == 1)
