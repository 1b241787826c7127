"""The model's parameters, declared and present."""

import math
from collections.abc import Iterator

from artifact_manager.errors import ParametersRejected
from artifact_manager.findings import Finding, Site, shown
from artifact_manager.parameters import ELEMENT_BYTES, MAX_RANK, MAX_TENSORS, mismatches, read_header
from artifact_manager.rules.registry import rule
from insitu.v1.plan_pb2 import Plan, TensorSpec

MAX_NAME = 256
MAX_PARAMETERS_BYTES = 1 << 30


@rule(Plan, "parameters")
def parameters(plan: Plan, site: Site) -> Iterator[Finding]:
    if len(plan.parameters) > MAX_TENSORS:
        yield site.error("parameters", f"are {len(plan.parameters)}", f"declare at most {MAX_TENSORS} tensors")
        return
    seen: set[str] = set()
    for index, spec in enumerate(plan.parameters):
        if spec.name in seen:
            yield site.at("parameters", index).error(
                "name", f"{shown(spec.name)} occurs twice", "give each its own name"
            )
        seen.add(spec.name)
    size_bytes = sum(_size_bytes(spec) for spec in plan.parameters)
    if size_bytes > MAX_PARAMETERS_BYTES:
        yield site.error("parameters", f"take {size_bytes} bytes", f"keep them within {MAX_PARAMETERS_BYTES} bytes")


def _size_bytes(spec: TensorSpec) -> int:
    return math.prod(max(extent, 0) for extent in spec.shape[:MAX_RANK]) * ELEMENT_BYTES.get(spec.dtype, 1)


@rule(TensorSpec, "name")
def tensor_name(spec: TensorSpec, site: Site) -> Iterator[Finding]:
    if not spec.name or len(spec.name) > MAX_NAME or not spec.name.isprintable():
        yield site.error(
            "name", f"{shown(spec.name)} is no tensor's name", f"write up to {MAX_NAME} printable characters"
        )


@rule(TensorSpec, "dtype")
def tensor_type(spec: TensorSpec, site: Site) -> Iterator[Finding]:
    if spec.dtype not in ELEMENT_BYTES:
        yield site.error("dtype", "is none that a parameter can have", "use bool, int32, int64, float32 or float64")


@rule(TensorSpec, "shape")
def tensor_shape(spec: TensorSpec, site: Site) -> Iterator[Finding]:
    if len(spec.shape) > MAX_RANK or any(extent < 1 for extent in spec.shape):
        yield site.error(
            "shape",
            f"{list(spec.shape[: MAX_RANK + 1])} is no parameter's shape",
            f"use up to {MAX_RANK} fixed extents, each at least 1; a parameter has no batch",
        )


@rule(Plan, "base_parameters")
def base_parameters(plan: Plan, site: Site) -> Iterator[Finding]:
    if not plan.parameters and not plan.base_parameters:
        return
    if not plan.base_parameters:
        yield site.error(
            "base_parameters", "are missing", "add the values that serve until training has produced better ones"
        )
        return
    try:
        tensors = read_header(plan.base_parameters)
    except ParametersRejected as error:
        yield site.error("base_parameters", str(error), "export them from the model that the plan was made of")
        return
    for mismatch in mismatches(tensors, plan.parameters):
        yield site.error("base_parameters", mismatch, "export them from the model that the plan was made of")
