"""The step function without a comparison."""

from typing import Any

import tensorflow as tf

Tensor = Any

_LARGE = 3e38


def step_where_positive(y: Tensor) -> Tensor:
    """1 where `y` is positive and 0 where it is 0, of numbers that are not negative.

    LiteRT compares and casts on its slow path. A subnormal number counts as less than a whole step.
    """
    if y.dtype != tf.float32:
        return tf.cast(y > 0, y.dtype)
    return tf.minimum(y * _LARGE, 1.0)
