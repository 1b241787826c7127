"""Replaces operations of a traced graph by others that compute the same, and that LiteRT runs faster.

First, before the gradients are made, `pool_early` changes the order of some; at last `substitute` replaces single ones.
An operation that cannot be replaced stays: LiteRT has it, slow as it may be.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from plan_toolkit.convolution import Convolution, convolved
from plan_toolkit.errors import OperationUnsupported
from plan_toolkit.pooled_convolution import pooled_convolution
from plan_toolkit.pooling import max_pooled
from plan_toolkit.windows import image_rows, pooling_axes

Tensor = Any

# None of them lets a smaller number become the larger, so that they may as well come after the maximum, on fewer.
_MONOTONE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Elu": tf.nn.elu,
    "Selu": tf.nn.selu,
    "Sigmoid": tf.nn.sigmoid,
    "Tanh": tf.nn.tanh,
}


def pool_early(graph: Any) -> None:
    """In a graph that is being traced: takes maxima before biases and activations, where nothing else reads those."""
    for op in graph.get_operations():
        # One that is out of reach stays where it is, and is refused under the name that its author knows.
        if op.type == "MaxPool" and _is_supported(op):
            passed = _passed_by(op)
            pool = _pool_of(op, passed[-1].inputs[0]) if passed else op
            pooled = _with_convolution(pool, passed)
            if passed or pooled is not None:
                _replace(op, _continued(pool.outputs[0] if pooled is None else pooled, passed))


def _passed_by(pool: Any) -> list[Any]:
    """Biases and activations before a pool, the last first."""
    passed: list[Any] = []
    while True:
        output = passed[-1].inputs[0] if passed else pool.inputs[0]
        op = output.op
        by_channel = op.type == "BiasAdd" and op.get_attr("data_format") == b"NHWC"
        if len(output.consumers()) != 1 or not (by_channel or op.type in _MONOTONE):
            return passed
        passed.append(op)


def _pool_of(pool: Any, images: Tensor) -> Any:
    names = ("ksize", "strides", "padding", "data_format")
    return tf.raw_ops.MaxPool(input=images, **{name: pool.get_attr(name) for name in names}).op


def _is_supported(pool: Any) -> bool:
    try:
        pooling_axes(pool, "max pooling")
    except OperationUnsupported:
        return False
    return True


def _with_convolution(pool: Any, passed: list[Any]) -> Tensor | None:
    """What the pool answers, computed with the convolution before it; None where that is not to be had."""
    source = pool.inputs[0]
    read_elsewhere = any(reader is not pool and reader not in passed for reader in source.consumers())
    if source.op.type != "Conv2D" or read_elsewhere:
        return None
    try:
        return pooled_convolution(pool)
    except OperationUnsupported:
        return None


def _continued(y: Tensor, passed: list[Any]) -> Tensor:
    """Biases and activations, on what has been pooled."""
    for op in reversed(passed):
        y = tf.nn.bias_add(y, op.inputs[1]) if op.type == "BiasAdd" else _MONOTONE[op.type](y)
    return y


def substitute(graph: Any) -> None:
    """In a graph that has its gradients: convolutions, biases of images with their ReLUs, and max pools."""
    for op in graph.get_operations():
        substitution = _SUBSTITUTIONS.get(op.type)
        if substitution is not None and op.outputs[0].consumers():
            try:
                substitution(op)
            except OperationUnsupported:
                continue


def _convolution(op: Any) -> None:
    _replace(op, convolved(Convolution.of(op), *op.inputs))


def _bias(op: Any) -> None:
    """Wide rows of pixels are faster than many pixels. A ReLU that follows stays beside it, and becomes part of it."""
    images, bias = op.inputs
    if op.get_attr("data_format") != b"NHWC" or images.shape.rank != 4 or not images.shape.is_fully_defined():
        return
    activation = _reader(op, "Relu")
    rows = tf.nn.bias_add(tf.reshape(images, image_rows(images.shape)), tf.tile(bias, [images.shape[2]]))
    _replace(op, rows)
    if activation is not None:
        _replace(activation, tf.nn.relu(rows))


def _max_pooling(op: Any) -> None:
    _replace(op, max_pooled(op))


_SUBSTITUTIONS: Mapping[str, Callable[[Any], None]] = {
    "Conv2D": _convolution,
    "BiasAdd": _bias,
    "MaxPool": _max_pooling,
}


def _reader(op: Any, kind: str) -> Any | None:
    """The one operation of a kind that reads the output of `op`; None where there is none, or several."""
    readers = [reader for reader in op.outputs[0].consumers() if reader.type == kind]
    return readers[0] if len(readers) == 1 else None


def _replace(op: Any, computed: Tensor) -> None:
    """Lets those who read the output of `op` read what has been computed, in the output's shape."""
    output = op.outputs[0]
    consumers = [
        (consumer, index)
        for consumer in output.consumers()
        for index, tensor in enumerate(consumer.inputs)
        if tensor is output
    ]
    shaped = tf.reshape(computed, output.shape)
    for consumer, index in consumers:
        consumer._update_input(index, shaped)
