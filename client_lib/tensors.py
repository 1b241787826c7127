"""What a prediction returns."""

import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from client_lib.errors import DataLoss
from insitu.v1 import example_pb2 as wire
from insitu.v1.prediction_pb2 import ServedBy as WireServedBy


@dataclass(frozen=True, slots=True)
class _Element:
    """An element type: NumPy's name and type string, the code of `array`, and its size."""

    name: str
    typestr: str
    code: str
    size_bytes: int


_ELEMENTS = {
    wire.DATA_TYPE_BOOL: _Element("bool", "|b1", "B", 1),
    wire.DATA_TYPE_INT32: _Element("int32", "<i4", "i", 4),
    wire.DATA_TYPE_INT64: _Element("int64", "<i8", "q", 8),
    wire.DATA_TYPE_FLOAT32: _Element("float32", "<f4", "f", 4),
    wire.DATA_TYPE_FLOAT64: _Element("float64", "<f8", "d", 8),
}


class Tensor:
    """A dense tensor, row-major. `numpy.asarray(tensor)` makes an array of it without a copy."""

    __slots__ = ("_data", "_element", "_elements", "shape")

    def __init__(self, shape: Sequence[int], element: _Element | None, data: bytes, elements: Sequence[bytes]) -> None:
        self.shape = tuple(shape)
        self._element = element
        self._data = data
        self._elements = tuple(elements)
        """Instead of `data` where the elements are bytes."""

    @classmethod
    def from_wire(cls, message: wire.Tensor) -> "Tensor":
        """Raises DataLoss where content and shape disagree."""
        element = _ELEMENTS.get(message.dtype)
        if element is None and message.dtype != wire.DATA_TYPE_BYTES:
            raise DataLoss(f"output {message.name!r} has an element type unknown here; update the client library")
        tensor = cls(message.shape, element, message.data, message.elements)
        found = len(message.elements) if element is None else len(message.data) / element.size_bytes
        if found != prod(message.shape):
            raise DataLoss(f"output {message.name!r} does not fit its shape {list(message.shape)}; repeat the call")
        return tensor

    @property
    def dtype(self) -> str:
        """NumPy's name of the element type; "bytes" for strings."""
        return self._element.name if self._element else "bytes"

    @property
    def values(self) -> list[Any]:
        """All elements in row-major order, whatever the shape."""
        if self._element is None:
            return list(self._elements)
        numbers = array(self._element.code, self._data)
        if sys.byteorder == "big":
            numbers.byteswap()
        return list(map(bool, numbers)) if self._element.code == "B" else numbers.tolist()

    def tolist(self) -> Any:
        """Nested lists of the tensor's shape; the bare element of a scalar."""
        flat: list[Any] = self.values
        if not self.shape:
            return flat[0]
        for extent in reversed(self.shape[1:]):
            rows = len(flat) // extent if extent else prod(self.shape[: self.shape.index(0)])
            flat = [flat[row * extent : (row + 1) * extent] for row in range(rows)]
        return flat

    def row(self, index: int) -> "Tensor":
        """The part of one example: everything behind the first extent."""
        shape = self.shape[1:]
        count = prod(shape)
        start, end = index * count, (index + 1) * count
        if self._element is None:
            return Tensor(shape, None, b"", self._elements[start:end])
        size = self._element.size_bytes
        return Tensor(shape, self._element, self._data[start * size : end * size], ())

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's array interface, version 3."""
        if self._element is None:
            raise AttributeError("a tensor of bytes has no array interface; use numpy.array(tensor.tolist())")
        return {"version": 3, "shape": self.shape, "typestr": self._element.typestr, "data": self._data}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.shape, self._element, self._data, self._elements) == (
            other.shape,
            other._element,
            other._data,
            other._elements,
        )

    def __hash__(self) -> int:
        return hash((self.shape, self._data, self._elements))

    def __repr__(self) -> str:
        return f"Tensor({self.tolist()!r}, dtype={self.dtype!r})"


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Which model answered."""

    plan_name: str
    plan_version: str
    parameters_version: int
    """0 for the plan's base parameters."""

    @classmethod
    def from_wire(cls, message: WireServedBy) -> "ServedBy":
        return cls(message.plan_name, message.plan_version, message.parameters_version)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outputs by name. Of one example: without a batch. Of many: row i of each tensor answers example i."""

    outputs: Mapping[str, Tensor]
    served_by: ServedBy

    def __getitem__(self, output: str) -> Tensor:
        return self.outputs[output]

    def row(self, index: int) -> "Prediction":
        """The prediction for one of many examples."""
        return Prediction({name: tensor.row(index) for name, tensor in self.outputs.items()}, self.served_by)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place, best first."""

    index: int
    """In the list of candidates that was given."""
    score: float
    candidate: Mapping[str, Any]
