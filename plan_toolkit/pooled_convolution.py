"""A convolution whose outputs are pooled at once: those of one window lie apart in long runs, where maxima are cheap.

The band of a convolution may compute a row's outputs in any order. Here it is that of their places in the pooling
windows, so that what `pooling` cuts out and joins together are halves of rows rather than single pixels.
"""

from dataclasses import replace
from typing import Any

import tensorflow as tf

from plan_toolkit.convolution import Convolution, convolved, gradients
from plan_toolkit.pooling import maxima, parts_of, to_maxima
from plan_toolkit.windows import pooling_axes

Tensor = Any


def pooled_convolution(pool: Any) -> Tensor | None:
    """What a MaxPool right after a Conv2D answers, [n,h,w,f], with its gradient.

    None where rows are cut into tiles, or windows do not cover the outputs. Raises OperationUnsupported.
    """
    convolution = pool.inputs[0].op
    down, across = pooling_axes(pool, "max pooling")
    sizes = replace(Convolution.of(convolution), strands=across.window)
    covered = down.size == down.count * down.window and across.size == across.count * across.window
    if sizes.tiles > 1 or not covered:
        return None
    shape, pooled_rows = pool.outputs[0].shape, sizes.images * down.count

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def compute(images: Tensor, kernel: Tensor) -> Any:
        flat = convolved(sizes, images, kernel)
        rows = parts_of(tf.reshape(flat, [pooled_rows, down.window * sizes.width]), down.window)
        columns = parts_of(maxima(rows), across.window)

        def gradient(upstream: Tensor) -> list[Tensor]:
            by_columns = to_maxima(columns, tf.reshape(upstream, columns[0].shape))
            by_rows = to_maxima(rows, tf.concat(by_columns, 1))
            return gradients(sizes, images, kernel, tf.concat(by_rows, 1))

        return tf.reshape(maxima(columns), shape), gradient

    images, kernel = convolution.inputs
    return compute(images, kernel)
