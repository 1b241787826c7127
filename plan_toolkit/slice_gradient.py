"""The gradient of taking a slice, made of a reshape and a pad."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from plan_toolkit.errors import Operation, OperationUnsupported

Tensor = Any


@dataclass(frozen=True, slots=True)
class _Extent:
    """What one axis of the input gives to the slice: `count` elements from `start` on, in steps of one."""

    start: int
    count: int
    size: int


def slicing(op: Any, upstream: Tensor) -> list[Tensor | None]:
    """Of StridedSlice with constant bounds and steps of one: the slice's gradient between zeros."""
    extents = list(_extents(op))
    placed = tf.reshape(upstream, [extent.count for extent in extents])
    around = [[extent.start, extent.size - extent.start - extent.count] for extent in extents]
    return [tf.pad(placed, around), None, None, None]


def _extents(op: Any) -> Iterator[_Extent]:
    shape = op.inputs[0].shape
    bounds = [tf.get_static_value(tensor) for tensor in op.inputs[1:]]
    if not shape.is_fully_defined() or any(bound is None for bound in bounds):
        raise _refusal(op, "a slice of open bounds")
    begins, ends, strides = bounds
    masks = {name: op.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    sizes = iter(shape.as_list())
    positions = range(len(begins))
    given = sum(1 for i in positions if not (masks["new_axis"] | masks["ellipsis"]) >> i & 1)
    for i in positions:
        if masks["ellipsis"] >> i & 1:
            for _ in range(len(shape) - given):
                size = next(sizes)
                yield _Extent(0, size, size)
        elif not masks["new_axis"] >> i & 1:
            size = next(sizes)
            if masks["shrink_axis"] >> i & 1:
                yield _Extent(int(begins[i]) % size, 1, size)
            else:
                begin = None if masks["begin"] >> i & 1 else int(begins[i])
                end = None if masks["end"] >> i & 1 else int(ends[i])
                taken = range(*slice(begin, end, int(strides[i])).indices(size))
                if taken.step != 1:
                    raise _refusal(op, "a slice with steps")
                yield _Extent(taken.start, len(taken), size)
    for size in sizes:
        yield _Extent(0, size, size)


def _refusal(op: Any, known_as: str) -> OperationUnsupported:
    return OperationUnsupported([Operation(op.type, known_as, op.name, True)])
