"""Pooling over windows side by side, and its gradients, step by step: first down the columns, then across the rows.

Each step halves (for windows of two) what lies in slices of an array, so that it is made of long copies and elementwise
operations, which LiteRT runs fast; the operations that compare and choose are slow.
"""

from typing import Any

import tensorflow as tf

from plan_toolkit.steps import step_where_positive
from plan_toolkit.windows import Axis, pooling_axes

Tensor = Any


def max_pooled(op: Any) -> Tensor:
    """What MaxPool answers, of windows side by side. Raises OperationUnsupported."""
    down, across = pooling_axes(op, "max pooling")
    highest = maxima(_columns(op.inputs[0], down))
    return tf.reshape(maxima(_rows(highest, op, across)), op.outputs[0].shape)


def max_pooling_gradient(op: Any, upstream: Tensor) -> Tensor:
    """Of MaxPool with windows side by side. One of several equal maxima in a window gets all of its gradient.

    It is not always the one that TensorFlow chooses. Ties have measure zero except between equal surroundings and
    after a ReLU, where the gradient is zero anyhow.
    """
    images = op.inputs[0]
    down, across = pooling_axes(op, "max pooling")
    columns = _columns(images, down)
    rows = _rows(maxima(columns), op, across)
    by_rows = to_maxima(rows, tf.reshape(upstream, rows[0].shape))
    by_columns = to_maxima(columns, _joined_rows(by_rows, op, across, columns[0].shape))
    return _joined_columns(by_columns, images.shape, down)


def average_pooling_gradient(op: Any, upstream: Tensor) -> Tensor:
    """Of AvgPool with windows side by side."""
    down, across = pooling_axes(op, "average pooling")
    n, _, w, c = op.inputs[0].shape
    share = upstream / float(down.window * across.window)
    share = tf.reshape(share, [n * down.count * across.count, c])
    by_row = _joined_rows([share] * across.window, op, across, [n * down.count, w * c])
    return _joined_columns([by_row] * down.window, op.inputs[0].shape, down)


def _columns(images: Tensor, down: Axis) -> list[Tensor]:
    """The images' rows by their place in their windows, [n*ho, w*c] each."""
    n, h, w, c = images.shape
    if h > down.count * down.window:
        images = tf.slice(images, [0, 0, 0, 0], [n, down.count * down.window, w, c])
    return parts_of(tf.reshape(images, [n * down.count, down.window * w * c]), down.window)


def _rows(of_columns: Tensor, op: Any, across: Axis) -> list[Tensor]:
    """The columns of [n*ho, w*c] by their place in their windows, [n*ho*wo, c] each."""
    n, ho, wo, c = op.outputs[0].shape
    if across.size > wo * across.window:
        of_columns = tf.slice(of_columns, [0, 0], [n * ho, wo * across.window * c])
    return parts_of(tf.reshape(of_columns, [n * ho * wo, across.window * c]), across.window)


def parts_of(x: Tensor, count: int) -> list[Tensor]:
    """The second axis of [rows, columns] in equal parts."""
    rows, width = x.shape[0], x.shape[1] // count
    return [tf.slice(x, [0, number * width], [rows, width]) for number in range(count)]


def _joined_rows(parts: list[Tensor], op: Any, across: Axis, shape: Any) -> Tensor:
    """The transpose of `_rows`: of the given shape [n*ho, w*c]."""
    n, ho, wo, c = op.outputs[0].shape
    joined = tf.reshape(tf.concat(parts, 1), [n * ho, wo * across.window * c])
    left_over = shape[1] - joined.shape[1]
    return tf.pad(joined, [[0, 0], [0, left_over]]) if left_over else joined


def _joined_columns(parts: list[Tensor], shape: Any, down: Axis) -> Tensor:
    """The transpose of `_columns`: of the given shape [n, h, w, c]."""
    n, h, w, c = shape
    joined = tf.reshape(tf.concat(parts, 1), [n, down.count * down.window, w, c])
    left_over = h - down.count * down.window
    return tf.pad(joined, [[0, 0], [0, left_over], [0, 0], [0, 0]]) if left_over else joined


def maxima(parts: list[Tensor]) -> Tensor:
    """The highest of arrays of one shape, element by element."""
    highest, *others = parts
    for other in others:
        highest = tf.maximum(highest, other)
    return highest


def to_maxima(parts: list[Tensor], upstream: Tensor) -> list[Tensor]:
    """The gradient of `maxima` by each part: all of it to the first that is highest."""
    highest, *others = parts
    rises = []
    for other in others:
        higher = tf.maximum(highest, other)
        rises.append(step_where_positive(higher - highest))
        highest = higher
    shares = []
    for rise in reversed(rises):
        share = upstream * rise
        shares.append(share)
        upstream = upstream - share
    return [upstream, *reversed(shares)]
