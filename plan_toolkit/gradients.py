"""Gradients made of operations that LiteRT builds in, for those whose usual gradient is an operation it lacks.

TensorFlow looks a gradient up by the name that an operation carries; inside `built_in_gradients` the listed ones carry
names of ours, so that the author's layers and source stay as they are. Only `tf.gradients` honours the names, not the
tape. Each gradient is the mathematical one of the operation, or OperationUnsupported where its attributes are out of
reach.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from plan_toolkit.convolution import convolution_gradient
from plan_toolkit.errors import Operation, OperationUnsupported
from plan_toolkit.pooling import average_pooling_gradient, max_pooling_gradient
from plan_toolkit.slice_gradient import slicing
from plan_toolkit.steps import step_where_positive
from plan_toolkit.substitution import pool_early, substitute
from plan_toolkit.windows import image_rows

Tensor = Any
Gradient = Callable[..., Any]


# Numbers that a vector register holds.
_NARROW = 16


def _relu(op: Any, upstream: Tensor) -> Tensor:
    y = op.outputs[0]
    if not y.shape.is_fully_defined() or y.shape.rank != 4:
        return upstream * step_where_positive(y)
    # In the shape that convolutions compute in; elsewhere the converter would copy both to and fro.
    rows = image_rows(y.shape)
    return tf.reshape(tf.reshape(upstream, rows) * step_where_positive(tf.reshape(y, rows)), y.shape)


def _bias(op: Any, upstream: Tensor) -> list[Tensor]:
    """Of BiasAdd, channels last: wide rows are summed first, which is faster than many narrow ones."""
    if op.get_attr("data_format") != b"NHWC" or not upstream.shape.is_fully_defined() or upstream.shape.rank != 4:
        return [upstream, tf.reduce_sum(upstream, list(range(upstream.shape.rank - 1)))]
    _, _, width, channels = upstream.shape
    summed = tf.reduce_sum(tf.reshape(upstream, image_rows(upstream.shape)), [0, 1])
    return [upstream, tf.reduce_sum(tf.reshape(summed, [width, channels]), 0)]


def _relu6(op: Any, upstream: Tensor) -> Tensor:
    y = op.outputs[0]
    return upstream * tf.cast(tf.logical_and(y > 0, y < 6), upstream.dtype)


def _leaky_relu(op: Any, upstream: Tensor) -> Tensor:
    slope = tf.constant(op.get_attr("alpha"), upstream.dtype)
    positive = tf.cast(op.inputs[0] > 0, upstream.dtype)
    return upstream * (positive + slope * (1 - positive))


def _elu(op: Any, upstream: Tensor) -> Tensor:
    y = op.outputs[0]
    positive = tf.cast(y > 0, upstream.dtype)
    return upstream * (positive + (1 - positive) * (y + 1))


def _selu(op: Any, upstream: Tensor) -> Tensor:
    # Constants of Klambauer et al. 2017, section 3.
    scale, scale_alpha = 1.0507009873554805, 1.7580993408473766
    y = op.outputs[0]
    positive = tf.cast(y > 0, upstream.dtype)
    return upstream * (scale * positive + (1 - positive) * (y + scale_alpha))


def _softplus(op: Any, upstream: Tensor) -> Tensor:
    return upstream * tf.sigmoid(op.inputs[0])


def _softsign(op: Any, upstream: Tensor) -> Tensor:
    return upstream / tf.square(1 + tf.abs(op.inputs[0]))


def _sigmoid(op: Any, upstream: Tensor) -> Tensor:
    y = op.outputs[0]
    return upstream * y * (1 - y)


def _tanh(op: Any, upstream: Tensor) -> Tensor:
    return upstream * (1 - tf.square(op.outputs[0]))


def _product(op: Any, upstream: Tensor) -> list[Tensor]:
    """Of the matrix product a @ b, either of them transposed or not."""
    a, b = op.inputs
    turned_a, turned_b = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    by_a = _multiplied(b, upstream, turned_b, True) if turned_a else _multiplied(upstream, b, False, not turned_b)
    by_b = _multiplied(upstream, a, True, turned_a) if turned_b else _multiplied(a, upstream, not turned_a, False)
    return [by_a, by_b]


def _multiplied(x: Tensor, y: Tensor, turned_x: bool, turned_y: bool) -> Tensor:
    """A product in the form that LiteRT runs fastest."""
    if turned_x and not turned_y and y.shape[1] is not None and y.shape[1] < _NARROW:
        # Its right matrix would be too narrow to fill the registers, and its left one is the larger to transpose.
        return tf.transpose(tf.matmul(y, x, transpose_a=True))
    if not turned_y:
        return tf.matmul(x, y, transpose_a=turned_x)
    # As a batch of one: the converter makes something several times slower of two matrices.
    product = tf.matmul(tf.expand_dims(x, 0), tf.expand_dims(y, 0), transpose_a=turned_x, transpose_b=True)
    return tf.squeeze(product, 0)


def _gather(op: Any, upstream: Tensor) -> list[Tensor | None]:
    """A lookup of whole rows of a table, as embeddings do: the one-hot matrix carries the rows' gradients back."""
    table, indices, axis = op.inputs
    if tf.get_static_value(axis) != 0 or op.get_attr("batch_dims") != 0 or table.shape[0] is None:
        raise OperationUnsupported([Operation(op.type, "a gather along another axis than the first", op.name, True)])
    rows, width = int(table.shape[0]), table.shape[1:].num_elements()
    picked = tf.one_hot(tf.reshape(indices, [-1]), rows, dtype=upstream.dtype)
    summed = tf.matmul(picked, tf.reshape(upstream, [-1, width]), transpose_a=True)
    return [tf.reshape(summed, table.shape), None, None]


def _resource_gather(op: Any, upstream: Tensor) -> list[Tensor | None]:
    """The same lookup, straight from a variable."""
    indices = op.inputs[1]
    width = upstream.shape[indices.shape.rank :]
    table = _handle_shape(op.inputs[0])
    picked = tf.one_hot(tf.reshape(indices, [-1]), table[0], dtype=upstream.dtype)
    summed = tf.matmul(picked, tf.reshape(upstream, [-1, width.num_elements()]), transpose_a=True)
    return [tf.reshape(summed, table), None]


def _handle_shape(handle: Tensor) -> list[int]:
    shape = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32).shape
    return [int(extent) for extent in shape]


_GRADIENTS: dict[str, Gradient] = {
    "Relu": _relu,
    "Relu6": _relu6,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Selu": _selu,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Sigmoid": _sigmoid,
    "Tanh": _tanh,
    "BiasAdd": _bias,
    "MatMul": _product,
    "GatherV2": _gather,
    "ResourceGather": _resource_gather,
    "Conv2D": convolution_gradient,
    "MaxPool": max_pooling_gradient,
    "AvgPool": average_pooling_gradient,
    "StridedSlice": slicing,
}


def _name(op_type: str) -> str:
    return f"InsituBuiltIn{op_type}"


def _register() -> None:
    """Once a process: TensorFlow's registry refuses a second gradient of one name."""
    for op_type, gradient in _GRADIENTS.items():
        tf.RegisterGradient(_name(op_type))(tf.autograph.experimental.do_not_convert(gradient))


_register()


@contextmanager
def built_in_gradients() -> Iterator[Callable[[], None]]:
    """Operations that the current graph makes inside the block carry our gradients; at its end they are made fast.

    Yields what to call when all has been computed that is to be differentiated, and `tf.gradients` is next: it
    rearranges what can be differentiated for less. Enter it while a `tf.function` is traced. Inner functions are traced
    into the same graph for as long, as the names would not reach into a call.
    """
    inner_functions_inlined = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    graph = tf.compat.v1.get_default_graph()
    try:
        with graph.gradient_override_map({op_type: _name(op_type) for op_type in _GRADIENTS}):
            yield lambda: pool_early(graph)
        substitute(graph)
    finally:
        tf.config.run_functions_eagerly(inner_functions_inlined)
