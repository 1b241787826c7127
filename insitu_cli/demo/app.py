"""What the three apps of the demonstration have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from client_lib import CollectionOptions, Learning, OneOff, PredictorClient, PredictorOptions, TrainerOptions
from insitu_cli.demo.data import Shares
from plan_toolkit import AuthoredPlans

Features = Mapping[str, Any]


class App(ABC):
    """An app: what its developer decided, and what it does on the device."""

    name: ClassVar[str]
    does: ClassVar[str]
    base: ClassVar[str]
    """How its base model was made."""
    measure: ClassVar[str]
    """What `quality` returns."""
    context: ClassVar[tuple[str, ...]]
    """Context types that it wishes to learn with."""

    def __init__(self, shares: Shares) -> None:
        self.shares = shares

    @property
    def package(self) -> str:
        return f"com.example.{self.name}"

    @abstractmethod
    def author(self) -> AuthoredPlans:
        """Train the base model on the developer's share, and make plans of it."""

    @abstractmethod
    def stream(self) -> Iterable[Features]:
        """The user's share as examples."""

    @abstractmethod
    def quality(self, predictor: PredictorClient) -> float:
        """Predict for the test share; from 0 to 1."""


class RunningApp:
    """An app on the device: its own connection, one collection, one training session and one predictor."""

    def __init__(self, app: App, plans: AuthoredPlans, credentials: Path, socket: Path) -> None:
        self.app = app
        self.engine = plans.training.engine.name
        self.learning = Learning.connect(package=app.package, credentials=credentials, socket=socket)
        self.collection = self.learning.get_collection_client(CollectionOptions(app.name, context=app.context))
        parameters = f"artifact:/{app.name}/params"
        self.trainer = self.learning.get_trainer_client(
            TrainerOptions(app.name, plans.training.SerializeToString(), parameters, cadence=OneOff())
        )
        self.predictor = self.learning.get_predictor_client(
            PredictorOptions(plans.inference.SerializeToString(), parameters)
        )

    def collect(self) -> int:
        """Stream the user's examples: most of them at once, the last ones as they come. Returns how many are stored."""
        *early, last, latest = self.app.stream()
        self.collection.add_many(early).result()
        for example in (last, latest):
            self.collection.add(example).result()
        return self.collection.stats().examples

    def quality(self) -> float:
        return self.app.quality(self.predictor)

    def close(self) -> None:
        self.learning.close()


def fit_base(model: keras.Model, inputs: Any, labels: NDArray[np.int64], loss: str) -> None:
    """A hundred steps over all that the developer has."""
    model.compile(keras.optimizers.Adam(0.01), loss)
    for _ in range(100):
        model.train_on_batch(inputs, labels)
