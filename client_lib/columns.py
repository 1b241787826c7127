"""Python values to the columns of a table: one tensor for each feature."""

import sys
from array import array
from typing import Any

from client_lib.encoding import Value
from client_lib.errors import InvalidArgument
from insitu.v1 import example_pb2 as wire

_FLOAT32, _FLOAT64, _INT64, _INT32 = (
    wire.DATA_TYPE_FLOAT32,
    wire.DATA_TYPE_FLOAT64,
    wire.DATA_TYPE_INT64,
    wire.DATA_TYPE_INT32,
)
_AS_IS = {"<f4": _FLOAT32, "<f8": _FLOAT64, "<i4": _INT32, "<i8": _INT64, "|b1": wire.DATA_TYPE_BOOL}
"""NumPy's type strings of what travels unchanged."""
_WIDENED = {"f": ("<f4", _FLOAT32), "i": ("<i8", _INT64), "u": ("<i8", _INT64)}
"""By NumPy's letter for the kind of element."""


def to_column(name: str, value: Value) -> wire.Tensor:
    """An array, or a list whose first extent is the number of rows. Raises InvalidArgument with the feature's name."""
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        return _of_array(name, value)
    shape, flat = _flattened(name, value)
    kinds = set(map(type, flat))
    if kinds <= {bytes, str}:
        elements = [element.encode() if isinstance(element, str) else element for element in flat]
        return wire.Tensor(name=name, dtype=wire.DATA_TYPE_BYTES, shape=shape, elements=elements)
    try:
        numbers = array("q", map(int, flat)) if kinds <= {int, bool} else array("f", flat)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(name, str(error)) from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return wire.Tensor(
        name=name, dtype=_INT64 if numbers.typecode == "q" else _FLOAT32, shape=shape, data=numbers.tobytes()
    )


def _of_array(name: str, value: Any) -> wire.Tensor:
    typestr, kind = getattr(value.dtype, "str", ""), getattr(value.dtype, "kind", "")
    if typestr not in _AS_IS and kind in "SUO":
        return to_column(name, value.tolist())
    data_type = _AS_IS.get(typestr)
    if data_type is None:
        if kind not in _WIDENED:
            raise _refusal(name, f"its elements are {value.dtype}")
        typestr, data_type = _WIDENED[kind]
        value = value.astype(typestr)
    return wire.Tensor(name=name, dtype=data_type, shape=value.shape, data=value.tobytes())


def _flattened(name: str, value: Value) -> tuple[list[int], list[Any]]:
    """Shape and elements, row-major."""
    shape: list[int] = []
    flat = [value]
    while flat and isinstance(flat[0], list | tuple | range):
        extents = {len(part) if isinstance(part, list | tuple | range) else -1 for part in flat}
        if len(extents) != 1:
            raise _refusal(name, "its rows differ in size")
        shape.append(extents.pop())
        flat = [part for parts in flat for part in parts]
    return shape, flat


def _refusal(name: str, problem: str) -> InvalidArgument:
    return InvalidArgument(
        f"column {name!r} cannot be encoded: {problem}; give an array, or a list of rows of one size", field=name
    )
