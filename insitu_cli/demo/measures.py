"""How good a model is, as one number from 0 to 1."""

import numpy as np
from numpy.typing import ArrayLike


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """The share of right answers."""
    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))


def pairwise_accuracy(scores: ArrayLike, relevant: ArrayLike) -> float:
    """Of all pairs of a relevant and an irrelevant candidate, the share in which the relevant one scores higher.

    A tie counts half. This is the area under the ROC curve of one list, which must hold candidates of both kinds.
    """
    values, wanted = np.asarray(scores, np.float64), np.asarray(relevant, np.bool_)
    differences = values[wanted][:, None] - values[~wanted][None, :]
    if differences.size == 0:
        raise ValueError("the list needs a relevant and an irrelevant candidate")
    return float(np.mean((np.sign(differences) + 1) / 2))
