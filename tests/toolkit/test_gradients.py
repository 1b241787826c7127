"""Our gradients of built-in operations against TensorFlow's own."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plan_toolkit.errors import OperationUnsupported
from plan_toolkit.gradients import built_in_gradients

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def gradients(compute: Any, *inputs: Any, ours: bool) -> list[Any]:
    """Of the sum of `compute(inputs)` weighted by fixed random numbers, by each floating input."""

    def traced(*tensors: Any) -> Any:
        with built_in_gradients() if ours else nullcontext():
            y = compute(*tensors)
            weights = tf.random.stateless_normal(tf.shape(y), (1, 2))
            return tf.gradients(tf.reduce_sum(y * weights), [t for t in tensors if t.dtype.is_floating])

    function = tf.function(traced, autograph=False).get_concrete_function(
        *[tf.TensorSpec(i.shape, i.dtype) for i in inputs]
    )
    if ours:
        refused = {
            "ReluGrad",
            "Conv2DBackpropFilter",
            "MaxPoolGrad",
            "AvgPoolGrad",
            "StridedSliceGrad",
            "IndexedSlices",
        }
        assert not refused & {op.type for op in function.graph.get_operations()}
    return [result.numpy() for result in function(*map(tf.constant, inputs))]


def assert_same_gradients(compute: Any, *inputs: Any) -> None:
    theirs, mine = (gradients(compute, *inputs, ours=ours) for ours in (False, True))
    for wanted, got in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4)


def normal(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "function",
    [
        tf.nn.relu,
        tf.nn.relu6,
        tf.nn.elu,
        tf.nn.selu,
        tf.nn.softplus,
        tf.nn.softsign,
        tf.nn.sigmoid,
        tf.nn.tanh,
        lambda x: tf.nn.leaky_relu(x, 0.3),
    ],
)
def test_activations(function):
    assert_same_gradients(function, 5 * normal(6, 7))


def test_relu_is_flat_at_zero():
    (slope,) = gradients(tf.nn.relu, np.zeros((3,), np.float32), ours=True)
    assert not slope.any()


@FEW
@given(
    size=st.tuples(st.integers(3, 8), st.integers(3, 8)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID"]),
)
def test_convolutions(size, kernel, strides, channels, padding):
    inputs, outputs = channels
    assert_same_gradients(
        lambda x, k: tf.nn.conv2d(x, k, strides, padding), normal(2, *size, inputs), normal(*kernel, inputs, outputs)
    )


@FEW
@given(
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    counts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    rest=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    pool=st.sampled_from([tf.nn.max_pool2d, tf.nn.avg_pool2d]),
)
def test_pools_side_by_side(window, counts, rest, pool):
    h, w = (extent * count + min(left, extent - 1) for extent, count, left in zip(window, counts, rest, strict=True))
    assert_same_gradients(lambda x: pool(x, window, window, "VALID"), normal(2, h, w, 3))


@FEW
@given(data=st.data(), shape=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_slices(data, shape):
    axis = st.one_of(st.just(slice(None)), st.just(slice(0, 1)), st.just(slice(-1, None)), st.just(0), st.just(-1))
    index = data.draw(st.lists(axis, max_size=len(shape)))
    if data.draw(st.booleans()):
        index.insert(data.draw(st.integers(0, len(index))), Ellipsis)
    if data.draw(st.booleans()):
        index.insert(data.draw(st.integers(0, len(index))), tf.newaxis)
    assert_same_gradients(lambda x: tf.square(x)[tuple(index)], normal(*shape))


def test_embeddings():
    indices = np.array([[0, 2, 2], [4, 0, 1]], np.int32)
    assert_same_gradients(lambda table, i: tf.gather(tf.square(table), i), normal(5, 3), indices)


def test_embedding_straight_from_a_variable():
    table, indices = tf.Variable(normal(5, 3)), tf.constant([[0, 2], [2, 4]])

    def slope(ours: bool) -> Any:
        def traced() -> Any:
            with built_in_gradients() if ours else nullcontext():
                (found,) = tf.gradients(tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, indices))), [table])
                return tf.convert_to_tensor(found)

        return tf.function(traced, autograph=False)().numpy()

    np.testing.assert_allclose(slope(True), slope(False), rtol=1e-5)


@pytest.mark.parametrize(
    ("compute", "known_as"),
    [
        (lambda x: tf.nn.max_pool2d(x, 3, 2, "VALID"), "overlapping or channels-first max pooling"),
        (lambda x: tf.nn.avg_pool2d(x, 2, 2, "SAME"), "average pooling that pads"),
        (lambda x: tf.nn.conv2d(x, tf.ones((2, 2, 2, 1)), 1, "VALID", dilations=2), "dilated"),
        (lambda x: tf.nn.conv2d(x, tf.ones((2, 2, 1, 2)), 1, "VALID"), "grouped"),
        (lambda x: x[:, ::2], "slice with steps"),
        (lambda x: tf.gather(x, [0], axis=1), "gather along another axis"),
    ],
)
def test_what_is_out_of_reach_is_named(compute, known_as):
    with pytest.raises(OperationUnsupported, match=f"no gradient for .*{known_as}"):
        gradients(compute, normal(2, 7, 7, 2), ours=True)
