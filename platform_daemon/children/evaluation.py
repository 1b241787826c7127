"""Metrics of a model on examples: means over rows, whatever batch the graph demands."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from platform_daemon.children.training_model import TrainingModel

Array = NDArray[np.generic]


def evaluate(
    model: TrainingModel,
    data: Mapping[str, Array],
    batch_size: int,
    interrupted: Callable[[], bool],
) -> dict[str, float] | None:
    """The mean of each metric over n rows, n > 0, in float64; None when `interrupted` said so between two batches.

    The last batch is filled up with the first rows, which are not counted.
    """
    inputs = {name: data[name] for name in model.evaluate_inputs}
    count = len(next(iter(inputs.values())))
    sums = dict.fromkeys(model.metrics, 0.0)
    for start in range(0, count, batch_size):
        if interrupted():
            return None
        rows = np.arange(start, start + batch_size) % count
        valid = min(batch_size, count - start)
        outputs = model.evaluate_rows({name: array[rows] for name, array in inputs.items()})
        for name in sums:
            sums[name] += float(outputs[name][:valid].sum(dtype=np.float64))
    return {name: total / count for name, total in sums.items()}
