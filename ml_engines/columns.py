"""One feed's column: gathers the feature of each example, then makes one array of all rows.

A column keeps what protobuf hands out cheaply (a list's wire form for floats, Python values for the rest), so that the
conversion to an array happens once a batch and not once a row.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insitu.v1 import example_pb2, plan_pb2
from ml_engines.errors import BadInput
from ml_engines.tensors import dtype_of

Array = NDArray[np.generic]
Column = Callable[[list[example_pb2.Feature]], Array]
"""Features of n rows in, an array of shape (n, *row shape) out. Raises FeatureError for the first that does not fit."""


class FeatureError(Exception):
    """The feature of one row does not fit. Whoever knows the feature's name makes a BadInput of it."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row = row
        self.problem = problem


def column(feed: plan_pb2.Feed) -> Column:
    """The column for a feed's type and row shape.

    Raises:
        BadInput: no such type, or a negative extent.
    """
    dtype = dtype_of(feed.dtype, f"feed of {feed.input!r}")
    shape = tuple(feed.shape)
    if any(extent < 0 for extent in shape):
        raise BadInput(f"feed of {feed.input!r}: the shape {list(shape)} of a row has a negative extent; fix the plan")
    count = math.prod(shape)
    match dtype.kind:
        case "f":
            return _floats(dtype, shape, count)
        case "O":
            return _values(dtype, shape, count, "bytes_list")
        case _:
            return _values(dtype, shape, count, "int64_list")


def _floats(dtype: np.dtype[Any], shape: tuple[int, ...], count: int) -> Column:
    size = 4 * count
    # A packed list's wire form is a tag, a length, and the values as little-endian floats. An empty one is nothing.
    prefix = b"" if count == 0 else b"\x0a" + _varint(size)
    expected = len(prefix) + size

    def build(features: list[example_pb2.Feature]) -> Array:
        wires = [feature.float_list.SerializeToString() for feature in features]
        for row, wire in enumerate(wires):
            if len(wire) != expected or not wire.startswith(prefix):
                wires[row] = prefix + _as_floats(features[row], row, count).tobytes()
        wire_rows = np.frombuffer(b"".join(wires), np.uint8).reshape(len(features), expected)
        rows = np.ascontiguousarray(wire_rows[:, len(prefix) :]).view("<f4") if count else wire_rows.view("<f4")
        return rows.astype(dtype, copy=False).reshape(len(features), *shape)

    return build


def _as_floats(feature: example_pb2.Feature, row: int, count: int) -> NDArray[np.float32]:
    """The values of a list that is not in the usual form: whole numbers are taken as floats too."""
    kind = feature.WhichOneof("kind")
    if kind == "bytes_list":
        raise FeatureError(row, "holds bytes where the plan wants floats")
    values = feature.int64_list.value if kind == "int64_list" else feature.float_list.value
    if len(values) != count:
        raise FeatureError(row, f"has {len(values)} values where the plan wants {count}")
    return np.array(values, "<f4")


def _values(dtype: np.dtype[Any], shape: tuple[int, ...], count: int, kind: str) -> Column:
    def build(features: list[example_pb2.Feature]) -> Array:
        flat: list[Any] = []
        for row, feature in enumerate(features):
            values = getattr(feature, kind).value
            if len(values) != count:
                raise FeatureError(row, _problem(feature, kind, count))
            flat.extend(values)
        if kind == "bytes_list":
            array: NDArray[Any] = np.empty(len(flat), dtype)
            array[:] = flat
        else:
            array = _narrow(np.array(flat, np.int64), dtype, count)
        return array.reshape(len(features), *shape)

    return build


def _problem(feature: example_pb2.Feature, kind: str, count: int) -> str:
    actual = feature.WhichOneof("kind")
    if actual is not None and actual != kind:
        names = {"bytes_list": "bytes", "float_list": "floats", "int64_list": "integers"}
        return f"holds {names[actual]} where the plan wants {names[kind]}"
    return f"has {len(getattr(feature, kind).value)} values where the plan wants {count}"


def _narrow(values: NDArray[np.int64], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    narrowed = values.astype(dtype, copy=False)
    if dtype.kind == "i" and dtype.itemsize < 8:
        wrong = np.flatnonzero(narrowed != values)
        if wrong.size:
            place = int(wrong[0])
            raise FeatureError(place // count, f"has the value {values[place]}, which does not fit {dtype}")
    return narrowed


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
