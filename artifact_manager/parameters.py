"""Parameters blobs, as far as the daemon looks into them: the header of a safetensors file, and no tensor.

The format: 8 bytes little-endian length, so many bytes of JSON (name → dtype, shape, data_offsets), then the data.
Strict where a lax reader could be led astray: names are unique, tensors lie side by side and fill the rest.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from artifact_manager.errors import ParametersRejected
from artifact_manager.findings import shown
from insitu.v1.example_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT32,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_INT32,
    DATA_TYPE_INT64,
    DataType,
)
from insitu.v1.plan_pb2 import TensorSpec

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
MAX_RANK = 8

_LENGTH_BYTES = 8
_METADATA = "__metadata__"

_TYPES: Mapping[str, tuple[DataType, int]] = {
    "BOOL": (DATA_TYPE_BOOL, 1),
    "I32": (DATA_TYPE_INT32, 4),
    "I64": (DATA_TYPE_INT64, 8),
    "F32": (DATA_TYPE_FLOAT32, 4),
    "F64": (DATA_TYPE_FLOAT64, 8),
}
_SAFETENSORS_NAME = {data_type: name for name, (data_type, _) in _TYPES.items()}
ELEMENT_BYTES: Mapping[int, int] = dict(_TYPES.values())
"""Size of an element by DataType, for the types that a parameter may have."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor of a blob: its safetensors dtype, its shape, and where its data lies after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(blob: bytes) -> dict[str, TensorHeader]:
    """The tensors of a safetensors blob, by name. Raises ParametersRejected."""
    length = int.from_bytes(blob[:_LENGTH_BYTES], "little")
    if len(blob) < _LENGTH_BYTES or length > len(blob) - _LENGTH_BYTES:
        raise ParametersRejected("the parameters are cut short, or no safetensors blob: export them again")
    if length > MAX_HEADER_BYTES:
        raise ParametersRejected(
            f"the header of the parameters has {length} bytes; at most {MAX_HEADER_BYTES} are read"
        )
    try:
        header = json.loads(blob[_LENGTH_BYTES : _LENGTH_BYTES + length], object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ParametersRejected(f"the header of the parameters is no JSON: {str(error)[:120]}") from error
    if not isinstance(header, dict):
        raise ParametersRejected("the header of the parameters is no JSON object: export them as safetensors")
    tensors = {name: _tensor(name, entry) for name, entry in header.items() if name != _METADATA}
    if len(tensors) > MAX_TENSORS:
        raise ParametersRejected(f"the parameters have {len(tensors)} tensors; at most {MAX_TENSORS} are allowed")
    _check_layout(tensors, len(blob) - _LENGTH_BYTES - length)
    return tensors


def mismatches(tensors: Mapping[str, TensorHeader], specs: Iterable[TensorSpec]) -> Iterator[str]:
    """What keeps a blob's tensors from being a plan's parameters: a clause for each tensor that does not fit."""
    expected = {spec.name: spec for spec in specs}
    for name in sorted(expected.keys() - tensors.keys()):
        yield f"tensor {shown(name)} is missing"
    for name in sorted(tensors.keys() - expected.keys()):
        yield f"tensor {shown(name)} is not among the plan's parameters"
    for name, spec in expected.items():
        tensor = tensors.get(name)
        wanted = (_SAFETENSORS_NAME.get(spec.dtype, "?"), tuple(spec.shape))
        if tensor is not None and (tensor.dtype, tensor.shape) != wanted:
            found = f"{tensor.dtype}{list(tensor.shape)}"
            yield f"tensor {shown(name)} is {found} where the plan has {wanted[0]}{list(wanted[1])}"


def check_parameters(blob: bytes, specs: Iterable[TensorSpec]) -> None:
    """Raises ParametersRejected unless the blob holds exactly the tensors that a plan declares."""
    for mismatch in mismatches(read_header(blob), specs):
        raise ParametersRejected(f"{mismatch}: these parameters belong to another plan")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _tensor(name: str, entry: object) -> TensorHeader:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, end], **more} if not more:
            if dtype not in _TYPES:
                raise ParametersRejected(
                    f"tensor {shown(name)} has dtype {shown(dtype)}; use one of {', '.join(_TYPES)}"
                )
            extents = tuple(extent for extent in shape if _is_size(extent))
            if len(extents) == len(shape) <= MAX_RANK and _is_size(start) and _is_size(end):
                if end - start != math.prod(extents) * _TYPES[dtype][1]:
                    raise ParametersRejected(
                        f"tensor {shown(name)} has {end - start} bytes, which is not its shape's size"
                    )
                return TensorHeader(dtype, extents, start, end)
    raise ParametersRejected(f"tensor {shown(name)} has a malformed header entry: export the parameters as safetensors")


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def _check_layout(tensors: Mapping[str, TensorHeader], size_bytes: int) -> None:
    reached = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start != reached:
            raise ParametersRejected("the tensors of the parameters overlap or leave gaps: export them as safetensors")
        reached = tensor.end
    if reached != size_bytes:
        raise ParametersRejected(f"the parameters have {size_bytes} bytes of data where the header tells of {reached}")
