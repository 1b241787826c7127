"""An app that ranks wines after one that its user liked; it learns by LiteRT what goes together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from client_lib import PredictorClient
from insitu_cli.demo import data
from insitu_cli.demo.app import App, Features, fit_base
from insitu_cli.demo.measures import pairwise_accuracy
from plan_toolkit import AuthoredPlans, ExampleQuery, Feed, author

CANDIDATES = 10
TEST_LISTS = 60
USER_PAIRS = 1500
DEVELOPER_PAIRS = 200


class Cellar(App):
    name = "cellar"
    does = "ranks wines after one that was liked: those of the same cultivar should come first"
    base = "trained on 200 pairs of 12 wines drawn at random"
    measure = "pairwise accuracy"
    context = ("day", "power")

    def __init__(self) -> None:
        super().__init__(data.wine())

    def author(self) -> AuthoredPlans:
        keras.utils.set_random_seed(0)
        liked, wine = keras.Input((13,), name="liked"), keras.Input((13,), name="wine")
        weekend, charging = keras.Input((1,), name="weekend"), keras.Input((1,), name="charging")
        hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()([liked, wine, weekend, charging]))
        model = keras.Model(
            [liked, wine, weekend, charging], keras.layers.Dense(1, activation="sigmoid", name="match")(hidden)
        )
        made = pairs(self.shares.developer, DEVELOPER_PAIRS, np.random.default_rng(0))
        unknown = np.full((DEVELOPER_PAIRS, 1), 0.5, np.float32)
        fit_base(model, [made.liked, made.wine, unknown, unknown], made.match, "binary_crossentropy")
        return author(
            model,
            name=self.name,
            version="1.0.0",
            engine="litert",
            feeds=[
                Feed("liked"),
                Feed("wine"),
                Feed("context:day.is_weekend", "weekend", default=0.5),
                Feed("context:power.charging", "charging", default=0.5),
            ],
            label_feed=Feed("match", "label"),
            loss="binary_crossentropy",
            outputs=["match"],
            score_output="match",
            optimizer="adam",
            query=ExampleQuery(self.name, minimum_examples=100),
            batch_size=32,
            epochs=40,
        )

    def stream(self) -> Iterable[Features]:
        made = pairs(self.shares.user, USER_PAIRS, np.random.default_rng(1))
        return (
            {"liked": liked, "wine": wine, "match": match}
            for liked, wine, match in zip(made.liked, made.wine, made.match, strict=True)
        )

    def quality(self, predictor: PredictorClient) -> float:
        qualities = []
        for question in questions(self.shares, TEST_LISTS, np.random.default_rng(2)):
            ranking = predictor.predict_rank({"liked": question.liked}, [{"wine": wine} for wine in question.wines])
            relevant = [question.relevant[place.index] for place in ranking]
            qualities.append(pairwise_accuracy([place.score for place in ranking], relevant))
        return float(np.mean(qualities))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """`liked` and `wine` of shape (n, 13), `match` of shape (n,): 1 where both are of one cultivar."""

    liked: NDArray[np.float32]
    wine: NDArray[np.float32]
    match: NDArray[np.int64]


def pairs(wines: data.Rows, count: int, rng: np.random.Generator) -> Pairs:
    """Pairs drawn with replacement."""
    one, other = rng.integers(len(wines), size=(2, count))
    match = (wines.labels[one] == wines.labels[other]).astype(np.int64)
    return Pairs(wines.inputs[one], wines.inputs[other], match)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A liked wine of shape (13,), candidates of shape (k, 13), and which of them are relevant, of shape (k,)."""

    liked: NDArray[np.float32]
    wines: NDArray[np.float32]
    relevant: NDArray[np.bool_]


def questions(shares: data.Shares, count: int, rng: np.random.Generator) -> Iterator[Question]:
    """Lists of test wines that hold relevant and irrelevant ones."""
    test = shares.test
    while count:
        liked, *others = rng.choice(len(test), CANDIDATES + 1, replace=False)
        relevant = test.labels[others] == test.labels[liked]
        if relevant.any() and not relevant.all():
            yield Question(test.inputs[liked], test.inputs[others], relevant)
            count -= 1
