"""Replaces operations of a traced graph by others that compute the same, and that LiteRT runs faster.

First, before the gradients are made, `pool_early` changes the order of some; at last `substitute` replaces single ones.
An operation that cannot be replaced stays: LiteRT has it, slow as it may be.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from plan_toolkit.convolution import Convolution, convolved
from plan_toolkit.errors import OperationUnsupported
from plan_toolkit.pooling import max_pooled

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
        if op.type == "MaxPool":
            passed = _passed_by(op)
            if passed:
                _replace(op, _pooled_first(op, passed))


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


def _pooled_first(pool: Any, passed: list[Any]) -> Tensor:
    names = ("ksize", "strides", "padding", "data_format")
    attributes = {name: pool.get_attr(name) for name in names}
    y = tf.raw_ops.MaxPool(input=passed[-1].inputs[0], **attributes)
    for op in reversed(passed):
        y = tf.nn.bias_add(y, op.inputs[1]) if op.type == "BiasAdd" else _MONOTONE[op.type](y)
    return y


def substitute(graph: Any) -> None:
    """In a graph that has its gradients: convolutions with their biases and ReLUs, and max pools."""
    for op in graph.get_operations():
        substitution = _SUBSTITUTIONS.get(op.type)
        if substitution is not None:
            try:
                substitution(op)
            except OperationUnsupported:
                continue


def _convolution(op: Any) -> None:
    """A bias and a ReLU that follow are taken along, before the outputs leave the shape of the matrix product."""
    sizes = Convolution.of(op)
    bias = _only_reader(op, "BiasAdd")
    activation = _only_reader(bias, "Relu") if bias is not None else None
    flat = convolved(sizes, *op.inputs)
    _replace(op, flat)
    if bias is not None:
        flat = tf.nn.bias_add(flat, tf.tile(bias.inputs[1], [sizes.outputs]))
        _replace(bias, flat)
    if activation is not None:
        _replace(activation, tf.nn.relu(flat))


def _max_pooling(op: Any) -> None:
    _replace(op, max_pooled(op))


_SUBSTITUTIONS: Mapping[str, Callable[[Any], None]] = {"Conv2D": _convolution, "MaxPool": _max_pooling}


def _only_reader(op: Any, kind: str) -> Any | None:
    """The one operation of a kind that reads the output of `op` first; None where there is none, or several."""
    readers = [
        reader for reader in op.outputs[0].consumers() if reader.type == kind and reader.inputs[0] is op.outputs[0]
    ]
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
