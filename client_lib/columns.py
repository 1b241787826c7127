"""Python values to the columns of a table: one tensor for each feature."""

import sys
from array import array
from collections.abc import Mapping
from typing import Any

from client_lib.encoding import MOST_LEVELS, SCALARS, Value, is_array, plain_scalars
from client_lib.errors import InvalidArgument
from client_lib.filling import check_text, unfit
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
_MOST_INT64 = (1 << 63) - 1


def to_columns(columns: Mapping[str, Value]) -> list[wire.Tensor]:
    """Raises InvalidArgument, with the field "columns" where it is not about one of them."""
    if not isinstance(columns, Mapping):
        raise unfit("columns", columns, "a dict of columns by the features' names")
    for name in columns:
        check_text("columns", name)
        if not name:
            raise unfit("columns", name, "each column the name of its feature")
    return [to_column(name, column) for name, column in columns.items()]


def to_column(name: str, value: Value) -> wire.Tensor:
    """An array, or a list whose first extent is the number of rows. Raises InvalidArgument with the feature's name."""
    if is_array(value):
        return _of_array(name, value)
    shape, flat = _flattened(name, value)
    kinds = set(map(type, flat))
    try:
        if not kinds <= SCALARS:
            count, flat = len(flat), list(plain_scalars(flat))
            if len(flat) != count:
                raise ValueError("its rows differ in size")
            kinds = set(map(type, flat))
        if kinds <= {bytes, str}:
            elements = [element.encode() if isinstance(element, str) else element for element in flat]
            return wire.Tensor(name=name, dtype=wire.DATA_TYPE_BYTES, shape=shape, elements=elements)
        numbers = array("q", map(int, flat)) if kinds <= {int, bool} else array("f", flat)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
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
        if kind == "u" and value.size and int(value.max()) > _MOST_INT64:
            raise _refusal(name, f"it holds {value.max()}, and int64 ends at {_MOST_INT64}")
        typestr, data_type = _WIDENED[kind]
        value = value.astype(typestr)
    return wire.Tensor(name=name, dtype=data_type, shape=value.shape, data=value.tobytes())


def _flattened(name: str, value: Value) -> tuple[list[int], list[Any]]:
    """Shape and elements, row-major."""
    shape: list[int] = []
    flat = [value]
    while flat:
        if is_array(flat[0]):
            flat = [part.tolist() if is_array(part) else part for part in flat]
        if not isinstance(flat[0], list | tuple | range):
            break
        if len(shape) == MOST_LEVELS:
            raise _refusal(name, f"it nests more than {MOST_LEVELS} levels")
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
