"""Gradients of convolution and pooling over windows of an image, made of convolutions, pads and reshapes.

All take NHWC. See Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 4: the gradient
by the input is a convolution of the dilated and padded output gradient with the reversed kernel; the gradient by the
kernel is a convolution of the input with the dilated output gradient, batch and channels changing places.
"""

from typing import Any

import tensorflow as tf

from plan_toolkit.errors import Operation, OperationUnsupported

Tensor = Any


def _refuse(op: Any, known_as: str) -> OperationUnsupported:
    return OperationUnsupported([Operation(op.type, known_as, op.name, True)])


def _padding_before(op: Any, window: tuple[int, int], strides: tuple[int, int]) -> tuple[int, int]:
    """Rows above and columns to the left that the padding of `op` adds."""
    padding = op.get_attr("padding")
    if padding == b"VALID":
        return 0, 0
    if padding != b"SAME":
        raise _refuse(op, "a window with explicit padding")
    sizes, outputs = op.inputs[0].shape[1:3], op.outputs[0].shape[1:3]
    before = []
    for size, extent, stride, kernel in zip(sizes, outputs, strides, window, strict=True):
        before.append(max((extent - 1) * stride + kernel - size, 0) // 2)
    return before[0], before[1]


def _dilate(y: Tensor, strides: tuple[int, int]) -> Tensor:
    """`strides - 1` zeros between neighbouring rows and columns."""
    n, h, w, c = y.shape
    vertical, horizontal = strides
    if horizontal > 1:
        y = tf.pad(tf.reshape(y, [n * h, w, 1, c]), [[0, 0], [0, 0], [0, horizontal - 1], [0, 0]])
        y = tf.reshape(y, [n, h, w * horizontal, c])[:, :, : (w - 1) * horizontal + 1, :]
        w = (w - 1) * horizontal + 1
    if vertical > 1:
        y = tf.pad(tf.reshape(y, [n, h, 1, w * c]), [[0, 0], [0, 0], [0, vertical - 1], [0, 0]])
        y = tf.reshape(y, [n, h * vertical, w, c])[:, : (h - 1) * vertical + 1, :, :]
    return y


def _pad(x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Pads an image, or crops it where a number is negative."""
    x = x[:, max(-rows[0], 0) : x.shape[1] - max(-rows[1], 0), max(-columns[0], 0) : x.shape[2] - max(-columns[1], 0)]
    grown = [[0, 0], [max(rows[0], 0), max(rows[1], 0)], [max(columns[0], 0), max(columns[1], 0)], [0, 0]]
    return tf.pad(x, grown) if any(any(pair) for pair in grown) else x


def convolution(op: Any, upstream: Tensor) -> list[Tensor]:
    """Of Conv2D: gradients by the images [n,h,w,c] and by the kernel [kh,kw,c,f]."""
    images, kernel = op.inputs
    if op.get_attr("data_format") != b"NHWC" or list(op.get_attr("dilations")) != [1, 1, 1, 1]:
        raise _refuse(op, "a dilated or channels-first convolution")
    if images.shape[3] != kernel.shape[2] or not images.shape.is_fully_defined():
        raise _refuse(op, "a grouped convolution" if images.shape.is_fully_defined() else "a convolution of open size")
    strides = (op.get_attr("strides")[1], op.get_attr("strides")[2])
    kh, kw = int(kernel.shape[0]), int(kernel.shape[1])
    top, left = _padding_before(op, (kh, kw), strides)
    dilated = _dilate(upstream, strides)
    h, w = int(images.shape[1]), int(images.shape[2])
    dh, dw = int(dilated.shape[1]), int(dilated.shape[2])

    around = _pad(dilated, (kh - 1 - top, h + top - dh), (kw - 1 - left, w + left - dw))
    reversed_kernel = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    by_images = tf.nn.conv2d(around, reversed_kernel, strides=1, padding="VALID")

    seen = _pad(images, (top, dh + kh - 1 - h - top), (left, dw + kw - 1 - w - left))
    by_kernel = tf.nn.conv2d(
        tf.transpose(seen, [3, 1, 2, 0]), tf.transpose(dilated, [1, 2, 0, 3]), strides=1, padding="VALID"
    )
    return [by_images, tf.transpose(by_kernel, [1, 2, 0, 3])]


def _pooling_window(op: Any, known_as: str) -> tuple[int, int]:
    window, strides = list(op.get_attr("ksize")), list(op.get_attr("strides"))
    if window != strides or window[0] != 1 or window[3] != 1 or op.get_attr("data_format") != b"NHWC":
        raise _refuse(op, f"overlapping or channels-first {known_as}")
    if not op.inputs[0].shape.is_fully_defined():
        raise _refuse(op, f"{known_as} of open size")
    if op.get_attr("padding") != b"VALID" and any(int(op.inputs[0].shape[axis]) % window[axis] for axis in (1, 2)):
        raise _refuse(op, f"{known_as} that pads")
    return window[1], window[2]


def _spread(y: Tensor, window: tuple[int, int], like: Tensor) -> Tensor:
    """Repeats each element over its window; what no window covers is zero."""
    n, h, w, c = y.shape
    y = tf.tile(tf.reshape(y, [n * h, w, 1, c]), [1, 1, window[1], 1])
    y = tf.tile(tf.reshape(y, [n, h, 1, w * window[1] * c]), [1, 1, window[0], 1])
    y = tf.reshape(y, [n, h * window[0], w * window[1], c])
    return _pad(y, (0, like.shape[1] - h * window[0]), (0, like.shape[2] - w * window[1]))


def max_pooling(op: Any, upstream: Tensor) -> Tensor:
    """Of MaxPool with windows side by side. Equal maxima of one window share its gradient.

    TensorFlow hands all of it to the first of them; ties have measure zero except after a ReLU, where the
    gradient is zero anyhow.
    """
    images, window = op.inputs[0], _pooling_window(op, "max pooling")
    holders = tf.cast(tf.equal(images, _spread(op.outputs[0], window, images)), upstream.dtype)
    count = tf.nn.avg_pool2d(holders, list(window), list(window), "VALID") * float(window[0] * window[1])
    return holders * _spread(upstream / count, window, images)


def average_pooling(op: Any, upstream: Tensor) -> Tensor:
    """Of AvgPool with windows side by side."""
    window = _pooling_window(op, "average pooling")
    return _spread(upstream / float(window[0] * window[1]), window, op.inputs[0])
