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

from plan_toolkit import window_gradients as window
from plan_toolkit.errors import Operation, OperationUnsupported
from plan_toolkit.slice_gradient import slicing

Tensor = Any
Gradient = Callable[..., Any]


def _relu(op: Any, upstream: Tensor) -> Tensor:
    return upstream * tf.cast(op.outputs[0] > 0, upstream.dtype)


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
    "GatherV2": _gather,
    "ResourceGather": _resource_gather,
    "Conv2D": window.convolution,
    "MaxPool": window.max_pooling,
    "AvgPool": window.average_pooling,
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
def built_in_gradients() -> Iterator[None]:
    """Operations that the current graph makes inside the block carry our gradients.

    Call it while a `tf.function` is traced. Inner functions are traced into the same graph for as long, as the names
    would not reach into a call.
    """
    inner_functions_inlined = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    graph = tf.compat.v1.get_default_graph()
    try:
        with graph.gradient_override_map({op_type: _name(op_type) for op_type in _GRADIENTS}):
            yield
    finally:
        tf.config.run_functions_eagerly(inner_functions_inlined)
