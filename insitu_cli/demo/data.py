"""Real data, and who may see which part of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Indices = NDArray[np.intp]

TEST_EVERY = 3


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`inputs` of shape (n, width) in float32 and `labels` of shape (n,) in int64."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Three parts of a data set that have no row in common."""

    developer: Rows
    """All that the base model has ever seen."""
    user: Rows
    """What happens on the device: the app streams it to the daemon."""
    test: Rows
    """Rows like the user's that no app ever adds to a collection."""


def digits() -> Shares:
    """Handwritten digits of 8 x 8 pixels by 13 writers, one writer after the other: the developer has the first 130."""
    inputs, labels = datasets.load_digits(return_X_y=True)
    return _shares(inputs / 16, labels, np.arange(len(labels)), developer=130)


def breast_cancer() -> Shares:
    """Thirty measurements of the cells in a tumour, and whether it is benign: the developer has 12 patients."""
    inputs, labels = datasets.load_breast_cancer(return_X_y=True)
    return _standardised(inputs, labels, developer=12)


def wine() -> Shares:
    """Thirteen chemical measurements of a wine, and its cultivar: the developer has 12 bottles."""
    inputs, labels = datasets.load_wine(return_X_y=True)
    return _standardised(inputs, labels, developer=12)


def split(order: Indices, developer: int) -> tuple[Indices, Indices, Indices]:
    """The first rows for the developer, of the rest every third for the test, the others for the user."""
    rest = order[developer:]
    tested = np.arange(len(rest)) % TEST_EVERY == 0
    return order[:developer], rest[~tested], rest[tested]


def _standardised(inputs: NDArray[np.float64], labels: NDArray[np.int64], developer: int) -> Shares:
    """In random order; scaled by what the developer knows, since that is what an app could ship with."""
    order = np.random.default_rng(0).permutation(len(labels))
    known = inputs[order[:developer]]
    return _shares((inputs - known.mean(axis=0)) / known.std(axis=0), labels, order, developer)


def _shares(inputs: NDArray[np.float64], labels: NDArray[np.int64], order: Indices, developer: int) -> Shares:
    parts = split(order, developer)
    return Shares(*(Rows(inputs[part].astype(np.float32), labels[part].astype(np.int64)) for part in parts))
