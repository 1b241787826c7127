"""Convolutions as matrix products, in every cut into tiles, and what takes an operation's place in a graph."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plan_toolkit.convolution import Convolution, convolved, gradients
from plan_toolkit.gradients import built_in_gradients

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def normal(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def traced(compute: Any, *inputs: Any) -> Any:
    return tf.function(compute, autograph=False).get_concrete_function(
        *[tf.TensorSpec(i.shape, i.dtype) for i in inputs]
    )


def used(function: Any) -> list[Any]:
    """The operations that the function's outputs depend on."""
    found: dict[str, Any] = {}
    waiting = [tensor.op for tensor in function.graph.outputs]
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found[op.name] = op
            waiting.extend(tensor.op for tensor in op.inputs)
    return list(found.values())


def operations(function: Any) -> set[str]:
    return {op.type for op in used(function)}


def activated_numbers(function: Any) -> int:
    kinds = {"Relu", "Relu6", "Elu", "Selu", "Sigmoid", "Tanh"}
    return sum(op.outputs[0].shape.num_elements() for op in used(function) if op.type in kinds)


def sizes_of(images: Any, kernel: Any, strides: Any, padding: str) -> Convolution:
    with tf.Graph().as_default():
        return Convolution.of(tf.nn.conv2d(tf.constant(images), tf.constant(kernel), strides, padding).op)


def by_definition(x: Any, kernel: Any, sizes: Convolution) -> Any:
    """TensorFlow's own reads memory that is not its image's for a kernel of one row and strides of 1 and 2."""
    down, across = sizes.down, sizes.across
    padded = tf.pad(x, [[0, 0], [down.before, down.window], [across.before, across.window], [0, 0]])
    return sum(
        padded[:, i :: down.stride, j :: across.stride][:, : down.count, : across.count] @ kernel[i, j]
        for i in range(down.window)
        for j in range(across.window)
    )


@FEW
@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID"]),
    data=st.data(),
)
def test_every_cut_into_tiles_is_the_same_convolution(size, kernel, strides, channels, padding, data):
    images, weights = normal(2, *size, channels[0]), normal(*kernel, *channels)
    chosen = sizes_of(images, weights, strides, padding)
    outputs = chosen.across.count
    tiles = data.draw(st.sampled_from([count for count in range(1, outputs + 1) if outputs % count == 0]))
    cut = replace(chosen, tiles=tiles)
    assert cut.rows * cut.width == 2 * chosen.down.count * outputs * channels[1]
    with tf.GradientTape() as tape:
        x, k = tf.constant(images), tf.constant(weights)
        tape.watch([x, k])
        wanted = by_definition(x, k, chosen)
    upstream = normal(*wanted.shape, seed=4)
    got = tf.reshape(convolved(cut, x, k), wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4)
    for theirs, ours in zip(tape.gradient(wanted, [x, k], upstream), gradients(cut, x, k, upstream), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("strands", [2, 3])
def test_outputs_may_come_in_strands(strands):
    images, kernel = normal(2, 5, 6, 2), normal(3, 3, 2, 3)
    sizes = sizes_of(images, kernel, 1, "SAME")
    plain = tf.reshape(convolved(sizes, images, kernel), [10, 6 // strands, strands, 3])
    stranded = convolved(replace(sizes, strands=strands), images, kernel)
    np.testing.assert_allclose(
        tf.reshape(stranded, [10, strands, 6 // strands, 3]), tf.transpose(plain, [0, 2, 1, 3]), rtol=1e-5, atol=1e-6
    )


def test_small_images_are_computed_by_rows_and_large_ones_by_tiles():
    small = sizes_of(normal(32, 8, 8, 1), normal(3, 3, 1, 8), 1, "SAME")
    large = sizes_of(normal(2, 64, 64, 16), normal(3, 3, 16, 16), 1, "SAME")
    assert small.tiles == 1
    assert 1 < large.tiles < 64


@pytest.mark.parametrize("size", [(6, 4), (7, 5), (2, 96)], ids=["whole", "with a rest", "in tiles"])
@pytest.mark.parametrize("activation", [tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.sigmoid, tf.nn.tanh])
def test_a_block_of_a_network_becomes_products_and_copies(activation, size):
    inputs = normal(2, *size, 3), normal(3, 3, 3, 4), normal(4)

    def block(x: Any, kernel: Any, bias: Any) -> Any:
        y = activation(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
        return tf.identity(tf.nn.max_pool2d(y, 2, 2, "VALID"))

    def substituted(*tensors: Any) -> Any:
        with built_in_gradients() as all_computed:
            y = block(*tensors)
            all_computed()
            return [y, *tf.gradients(tf.reduce_sum(y * y), list(tensors))]

    def plain(*tensors: Any) -> Any:
        y = block(*tensors)
        return [y, *tf.gradients(tf.reduce_sum(y * y), list(tensors))]

    function = traced(substituted, *inputs)
    assert not {"Conv2D", "MaxPool", "Equal", "MaxPoolGrad", "ReluGrad"} & operations(function)
    assert activated_numbers(function) == 2 * (size[0] // 2) * (size[1] // 2) * 4
    for ours, theirs in zip(function(*inputs), tf.function(plain)(*inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


def test_what_something_else_reads_is_pooled_where_it_stands():
    images, kernel = normal(2, 6, 6, 2), normal(3, 3, 2, 3)

    def both(x: Any, k: Any) -> Any:
        y = tf.nn.tanh(tf.nn.conv2d(x, k, 1, "SAME"))
        return tf.reduce_sum(tf.nn.max_pool2d(y, 2, 2, "VALID") ** 2) + tf.reduce_sum(y)

    def compute(x: Any, k: Any) -> Any:
        with built_in_gradients() as all_computed:
            y = both(x, k)
            all_computed()
            return [y, *tf.gradients(y, [x, k])]

    def plain(x: Any, k: Any) -> Any:
        y = both(x, k)
        return [y, *tf.gradients(y, [x, k])]

    for ours, theirs in zip(
        traced(compute, images, kernel)(images, kernel), tf.function(plain)(images, kernel), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("reader", [tf.nn.tanh, lambda y: y + 1.0, lambda y: tf.nn.relu(y) + y])
def test_whoever_reads_a_convolution_reads_what_took_its_place(reader):
    images, kernel = normal(2, 6, 6, 2), normal(3, 3, 2, 3)

    def compute(x: Any, k: Any) -> Any:
        with built_in_gradients():
            return tf.identity(reader(tf.nn.conv2d(x, k, 1, "VALID")))

    function = traced(compute, images, kernel)
    assert "Conv2D" not in operations(function)
    np.testing.assert_allclose(
        function(images, kernel), reader(tf.nn.conv2d(images, kernel, 1, "VALID")), rtol=2e-4, atol=2e-4
    )


def test_what_cannot_be_replaced_stays():
    images, kernel = normal(2, 6, 6, 2), normal(3, 3, 2, 3)

    def compute(x: Any, k: Any) -> Any:
        with built_in_gradients():
            return tf.identity(tf.nn.conv2d(x, k, 1, "VALID", dilations=2))

    assert "Conv2D" in operations(traced(compute, images, kernel))


@pytest.mark.parametrize("turned_a", [False, True])
@pytest.mark.parametrize("turned_b", [False, True])
def test_products_of_matrices_transposed_or_not(turned_a, turned_b):
    a, b = (normal(4, 2) if turned_a else normal(2, 4)), (normal(3, 4) if turned_b else normal(4, 3))

    def slopes(a: Any, b: Any) -> Any:
        product = tf.matmul(a, b, transpose_a=turned_a, transpose_b=turned_b)
        return tf.gradients(tf.reduce_sum(product * product), [a, b])

    def ours(a: Any, b: Any) -> Any:
        with built_in_gradients():
            return slopes(a, b)

    for mine, theirs in zip(traced(ours, a, b)(a, b), traced(slopes, a, b)(a, b), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)
