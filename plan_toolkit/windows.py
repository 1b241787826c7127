"""Which windows of an image an operation looks at, as far as training plans can follow. Images are NHWC."""

from dataclasses import dataclass
from typing import Any

from plan_toolkit.errors import Operation, OperationUnsupported


@dataclass(frozen=True, slots=True)
class Axis:
    """Windows along one axis: window i covers `window` elements from `i * stride - before` on, zeros outside."""

    size: int
    window: int
    stride: int
    before: int
    count: int


def image_rows(shape: Any) -> list[int]:
    """The shape [1, n*h, w*c] of images [n, h, w, c]."""
    n, h, w, c = (int(extent) for extent in shape)
    return [1, n * h, w * c]


def convolution_axes(op: Any) -> tuple[Axis, Axis]:
    """Of a Conv2D: down and across. Raises OperationUnsupported."""
    images, kernel = op.inputs
    if op.get_attr("data_format") != b"NHWC" or list(op.get_attr("dilations")) != [1, 1, 1, 1]:
        raise _refusal(op, "a dilated or channels-first convolution")
    if not images.shape.is_fully_defined():
        raise _refusal(op, "a convolution of open size")
    if images.shape[3] != kernel.shape[2]:
        raise _refusal(op, "a grouped convolution")
    return _axes(op, [int(extent) for extent in kernel.shape[:2]])


def pooling_axes(op: Any, known_as: str) -> tuple[Axis, Axis]:
    """Of a pool whose windows lie side by side: down and across. Raises OperationUnsupported."""
    window, strides = list(op.get_attr("ksize")), list(op.get_attr("strides"))
    if window != strides or window[0] != 1 or window[3] != 1 or op.get_attr("data_format") != b"NHWC":
        raise _refusal(op, f"overlapping or channels-first {known_as}")
    if not op.inputs[0].shape.is_fully_defined():
        raise _refusal(op, f"{known_as} of open size")
    if op.get_attr("padding") != b"VALID" and any(int(op.inputs[0].shape[axis]) % window[axis] for axis in (1, 2)):
        raise _refusal(op, f"{known_as} that pads")
    return _axes(op, window[1:3])


def _axes(op: Any, window: list[int]) -> tuple[Axis, Axis]:
    padding = op.get_attr("padding")
    if padding not in (b"VALID", b"SAME"):
        raise _refusal(op, "a window with explicit padding")
    down, across = (
        _axis(int(op.inputs[0].shape[i + 1]), window[i], int(op.get_attr("strides")[i + 1]),
              int(op.outputs[0].shape[i + 1]), padding == b"SAME")
        for i in range(2)
    )  # fmt: skip
    return down, across


def _axis(size: int, window: int, stride: int, count: int, padded: bool) -> Axis:
    before = max((count - 1) * stride + window - size, 0) // 2 if padded else 0
    return Axis(size, window, stride, before, count)


def _refusal(op: Any, known_as: str) -> OperationUnsupported:
    return OperationUnsupported([Operation(op.type, known_as, op.name, True)])
