"""Arrays and `insitu.v1.Tensor`, and the element types that both know."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insitu.v1 import example_pb2
from ml_engines.errors import BadInput

DTYPES: Mapping[int, np.dtype[np.generic]] = {
    example_pb2.DATA_TYPE_BOOL: np.dtype(np.bool_),
    example_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    example_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    example_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    example_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    example_pb2.DATA_TYPE_BYTES: np.dtype(object),
}
"""NumPy's type for each `insitu.v1.DataType`. Bytes are object arrays whose elements are `bytes`."""

_DATA_TYPES: Mapping[np.dtype[np.generic], Any] = {dtype: number for number, dtype in DTYPES.items()}

# A graph may answer in a type that the protocol does not have: the next wider one holds every value of it.
_WIDER = {
    np.dtype(narrow): np.dtype(wide)
    for narrow, wide in (("i1", "i4"), ("u1", "i4"), ("i2", "i4"), ("u2", "i4"), ("u4", "i8"), ("f2", "f4"))
}


def dtype_of(data_type: int, owner: str) -> np.dtype[np.generic]:
    """NumPy's type for a `DataType`. `owner` names the field in the error.

    Raises:
        BadInput: the type is unspecified or unknown.
    """
    try:
        return DTYPES[data_type]
    except KeyError:
        raise BadInput(f"{owner}: data type {data_type} is unknown; name one of insitu.v1.DataType") from None


def to_tensor(name: str, array: NDArray[np.generic]) -> example_pb2.Tensor:
    """An array of any shape as a message.

    Raises:
        BadInput: the element type has no counterpart.
    """
    if array.dtype.kind in "SO":
        elements = [element if isinstance(element, bytes) else str(element).encode() for element in array.ravel()]
        return example_pb2.Tensor(name=name, dtype=example_pb2.DATA_TYPE_BYTES, shape=array.shape, elements=elements)
    dtype = _WIDER.get(array.dtype, array.dtype)
    data_type = _DATA_TYPES.get(dtype)
    if data_type is None:
        raise BadInput(f"{name}: arrays of {array.dtype} cannot be sent; let the graph cast to float32 or int64")
    content = array if array.dtype == dtype else array.astype(dtype)
    message = example_pb2.Tensor(name=name, shape=array.shape, data=content.tobytes())
    message.dtype = data_type  # the number: to look its name up would take as long as all the rest
    return message


def from_tensor(tensor: example_pb2.Tensor) -> NDArray[np.generic]:
    """The array that a message holds; fresh and writable.

    Raises:
        BadInput: type, shape and content do not fit together.
    """
    return _view(tensor, tensor.name or "tensor").copy()


def _view(tensor: example_pb2.Tensor, name: str) -> NDArray[np.generic]:
    """The same, which may be read-only and share the message's memory."""
    dtype = dtype_of(tensor.dtype, name)
    shape = tuple(tensor.shape)
    if any(extent < 0 for extent in shape):
        raise BadInput(f"{name}: the shape {shape} has a negative extent; send the shape that the content has")
    count = math.prod(shape)
    if dtype.kind == "O":
        if len(tensor.elements) != count:
            raise BadInput(f"{name}: {len(tensor.elements)} elements do not fill the shape {shape}")
        array = np.empty(count, dtype)
        array[:] = list(tensor.elements)
        return array.reshape(shape)
    if len(tensor.data) != count * dtype.itemsize:
        raise BadInput(f"{name}: {len(tensor.data)} bytes do not fill the shape {shape} of {dtype}")
    return np.frombuffer(tensor.data, dtype).reshape(shape)


def column_of(
    tensor: example_pb2.Tensor, rows: int, dtype: np.dtype[np.generic], row_shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """A column of a table as a graph's input of shape (rows, *row_shape). Read-only; it may share the message's memory.

    Whole numbers are taken as floats, and as whole numbers of another size where they fit.

    Raises:
        BadInput: another kind of element, another number of rows, or rows of another size.
    """
    name = f"column {tensor.name!r}"
    array = _view(tensor, name)
    if len(array) != rows:
        raise BadInput(f"{name} has {len(array)} rows and the first one {rows}; send as many of each")
    if array.size != rows * math.prod(row_shape):
        raise BadInput(f"{name} has rows of {list(array.shape[1:])} where the plan wants {list(row_shape)}")
    if array.dtype != dtype:
        array = _converted(array, dtype, name)
    return array.reshape(rows, *row_shape)


def _converted(array: NDArray[np.generic], dtype: np.dtype[np.generic], name: str) -> NDArray[np.generic]:
    kinds = {"f": "fiub", "i": "iub", "b": "b"}.get(dtype.kind, "")
    if array.dtype.kind not in kinds:
        raise BadInput(f"{name} holds {array.dtype} where the plan wants {dtype}; convert it")
    converted = array.astype(dtype)
    if dtype.kind == "i" and (converted != array).any():
        raise BadInput(f"{name} has a value that does not fit {dtype}; send smaller ones")
    return converted
