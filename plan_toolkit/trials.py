"""Batches to try a draft's graphs on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from plan_toolkit.drafts import Draft
from plan_toolkit.instructions import Feed
from plan_toolkit.losses import LossKind
from plan_toolkit.signatures import single

Arrays = Mapping[str, NDArray[np.generic]]


def trial_batch(draft: Draft, rows: int, seed: int) -> Arrays:
    """Arrays by input, the label's too: rows of the author's sample where it has the input, otherwise random ones.

    Floats are normal, integers 0 or 1, labels what the loss takes. The same seed gives the same batch.
    """
    random = np.random.default_rng(seed)
    batch = {feed.input: _values(feed, rows, random, draft.sample) for feed in draft.model.feeds}
    batch[draft.label.input] = _labels(draft, batch, rows, random)
    return batch


def _values(feed: Feed, rows: int, random: np.random.Generator, sample: Arrays) -> NDArray[np.generic]:
    shape = (rows, *(feed.shape or ()))
    if feed.input in sample:
        given = np.asarray(sample[feed.input])
        return given[random.integers(0, len(given), rows)].reshape(shape).astype(_numpy(feed))
    match feed.dtype:
        case "float32" | "float64":
            return random.standard_normal(shape).astype(feed.dtype)
        case "bytes":
            return np.full(shape, b"", object)
        case _:
            return random.integers(0, 2, shape).astype(_numpy(feed))


def _labels(draft: Draft, inputs: Arrays, rows: int, random: np.random.Generator) -> NDArray[np.generic]:
    label = draft.label
    shape = (rows, *(label.shape or ()))
    if label.input in draft.sample:
        return _values(label, rows, random, draft.sample)
    match draft.loss.kind:
        case LossKind.SPARSE_CATEGORICAL:
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            prediction: Any = draft.model.forward(tensors, False)
            classes = int(single(prediction).shape[-1])
            return random.integers(0, classes, shape).astype(_numpy(label))
        case LossKind.CATEGORICAL:
            return np.eye(shape[-1], dtype=_numpy(label))[random.integers(0, shape[-1], shape[:-1])]
        case LossKind.BINARY:
            return random.integers(0, 2, shape).astype(_numpy(label))
        case LossKind.OTHER:
            return _values(label, rows, random, draft.sample)


def _numpy(feed: Feed) -> np.dtype[np.generic]:
    return np.dtype(object if feed.dtype == "bytes" else feed.dtype)
