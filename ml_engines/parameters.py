"""Parameters as safetensors blobs, checked against what a plan or a signature declares."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from insitu.v1 import plan_pb2
from ml_engines.engine import Arrays, TensorType
from ml_engines.errors import BadParameters
from ml_engines.tensors import dtype_of


def tensor_types(specs: Iterable[plan_pb2.TensorSpec]) -> dict[str, TensorType]:
    """What a plan declares, by name, in the plan's order.

    Raises:
        BadInput: a spec has no known data type.
    """
    return {spec.name: TensorType(tuple(spec.shape), dtype_of(spec.dtype, f"parameters.{spec.name}")) for spec in specs}


def load_parameters(blob: bytes, types: Mapping[str, TensorType]) -> dict[str, NDArray[np.generic]]:
    """Arrays by name, in the order of `types`. They may be read-only.

    Raises:
        BadParameters: not safetensors, or another set of tensors than `types`.
    """
    try:
        arrays = load(blob)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadParameters(f"the parameters are no safetensors blob: {error}") from error
    check_parameters(arrays, types)
    return {name: arrays[name] for name in types}


def dump_parameters(arrays: Arrays, types: Mapping[str, TensorType]) -> bytes:
    """A safetensors blob of `arrays`; the same arrays give the same bytes.

    Raises:
        BadParameters: another set of tensors than `types`.
    """
    check_parameters(arrays, types)
    return save({name: np.asarray(arrays[name], order="C") for name in types})


def check_parameters(arrays: Arrays, types: Mapping[str, TensorType]) -> None:
    """Raises BadParameters naming the first tensor that is missing, superfluous, or of another shape or type."""
    if missing := types.keys() - arrays.keys():
        raise BadParameters(f"parameter {min(missing)!r} is missing: the parameters belong to another plan")
    if surplus := arrays.keys() - types.keys():
        raise BadParameters(f"parameter {min(surplus)!r} is unknown: the parameters belong to another plan")
    for name, expected in types.items():
        array = arrays[name]
        if not expected.fits(array):
            raise BadParameters(f"parameter {name!r} is {array.dtype}{list(array.shape)}, not {expected}")


def size_bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
