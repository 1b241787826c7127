import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from artifact_manager import ParametersRejected, TensorHeader, check_parameters, read_header
from artifact_manager.parameters import MAX_HEADER_BYTES
from insitu.v1.example_pb2 import DATA_TYPE_FLOAT32, DATA_TYPE_INT64
from insitu.v1.plan_pb2 import TensorSpec
from tests.artifacts.plans import blob, with_header

ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def test_reads_what_the_library_writes() -> None:
    arrays = {
        "kernel": np.ones((3, 2), np.float32),
        "bias": np.zeros(2, np.float64),
        "count": np.array(7, np.int64),
        "seen": np.array([True, False]),
        "none": np.zeros((0, 4), np.int32),
    }
    header = read_header(save(arrays, metadata={"format": "np"}))
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in header.items()} == {
        "kernel": ("F32", (3, 2)),
        "bias": ("F64", (2,)),
        "count": ("I64", ()),
        "seen": ("BOOL", (2,)),
        "none": ("I32", (0, 4)),
    }


def test_fits_its_plan() -> None:
    data = blob({"w": ("F32", [2], bytes(8)), "n": ("I64", [], bytes(8))})
    specs = [
        TensorSpec(name="n", dtype=DATA_TYPE_INT64),
        TensorSpec(name="w", dtype=DATA_TYPE_FLOAT32, shape=[2]),
    ]
    check_parameters(data, specs)
    assert read_header(data)["n"] == TensorHeader("I64", (), 8, 16)
    with pytest.raises(ParametersRejected, match="'n' is not among"):
        check_parameters(data, specs[1:])
    with pytest.raises(ParametersRejected, match="'m' is missing"):
        check_parameters(data, [*specs, TensorSpec(name="m", dtype=DATA_TYPE_INT64)])
    specs[1].shape[:] = [3]
    with pytest.raises(ParametersRejected, match=r"F32\[2\] where the plan has F32\[3\]"):
        check_parameters(data, specs)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "cut short"),
        (b"\x10" + bytes(7), "cut short"),
        (b"\xff" * 16, "cut short"),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b" " * (MAX_HEADER_BYTES + 1), "at most"),
        (with_header(b"{"), "no JSON"),
        (with_header(b"\xff"), "no JSON"),
        (with_header(b"[" * 100_000), "no JSON"),
        (with_header(b"[]"), "no JSON object"),
        (with_header(b'{"a": 1, "a": 2}'), "occurs twice"),
        (with_header({"a": 1}), "malformed"),
        (with_header({"a": ENTRY | {"more": 1}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"shape": [-1]}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"shape": [True]}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"shape": [1.0]}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"shape": [1] * 9}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"data_offsets": [0, 4, 8]}}, bytes(4)), "malformed"),
        (with_header({"a": ENTRY | {"dtype": "F8"}}, bytes(4)), "use one of BOOL"),
        (with_header({"a": ENTRY | {"shape": [2]}}, bytes(4)), "not its shape's size"),
        (with_header({"a": ENTRY, "b": ENTRY}, bytes(8)), "overlap"),
        (with_header({"a": ENTRY | {"data_offsets": [4, 8]}}, bytes(8)), "gaps"),
        (with_header({"a": ENTRY}, bytes(5)), "5 bytes of data where the header tells of 4"),
        (with_header({"a": ENTRY}, bytes(3)), "3 bytes of data"),
    ],
)
def test_what_is_no_parameters(data: bytes, complaint: str) -> None:
    with pytest.raises(ParametersRejected, match=complaint):
        read_header(data)


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, framed: bool) -> None:
    with contextlib.suppress(ParametersRejected):
        read_header(with_header(data) if framed else data)
