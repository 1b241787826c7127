"""Arrays as messages, parameters as safetensors, and archives that nobody vouches for."""

import io
import stat
import zipfile
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from insitu.v1 import example_pb2 as ex
from ml_engines.engine import TensorType
from ml_engines.errors import BadInput, BadParameters, GraphRejected
from ml_engines.parameters import dump_parameters, load_parameters, size_bytes, tensor_types
from ml_engines.tensors import from_tensor, to_tensor
from ml_engines.unpack import unpack_zip
from tests.engines.graphs import PARAMETERS

TYPES = tensor_types(PARAMETERS)
ARRAYS = {"b": np.arange(3, dtype="f4"), "w": np.ones((4, 3), "f4")}


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.int32, np.int64, np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, min_side=0),
    )
)
def test_tensors_return_as_they_were(array: NDArray[Any]) -> None:
    back = from_tensor(to_tensor("t", array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_a_scalar_parameter_returns_as_a_scalar() -> None:
    """An optimizer's count of steps is one."""
    types = {"iteration": TensorType((), np.dtype(np.int64))}
    back = load_parameters(dump_parameters({"iteration": np.array(7)}, types), types)
    assert back["iteration"].shape == ()
    assert back["iteration"] == 7


def test_bytes_and_foreign_types() -> None:
    words = np.array([[b"a", b"bc"]], dtype=object)
    assert from_tensor(to_tensor("t", words)).tolist() == words.tolist()
    assert from_tensor(to_tensor("t", np.array([b"ab", b"c"]))).tolist() == [b"ab", b"c"]
    assert to_tensor("t", np.array([1.5], "f2")).dtype == ex.DATA_TYPE_FLOAT32
    assert from_tensor(to_tensor("t", np.array([255], "u1"))).tolist() == [255]
    with pytest.raises(BadInput, match="t: arrays of complex64"):
        to_tensor("t", np.zeros(1, "c8"))


@pytest.mark.parametrize(
    "tensor",
    [
        ex.Tensor(name="t", dtype=ex.DATA_TYPE_FLOAT32, shape=[2], data=b"1234"),
        ex.Tensor(name="t", dtype=ex.DATA_TYPE_FLOAT32, shape=[-1, -1], data=b"1234"),
        ex.Tensor(name="t", dtype=ex.DATA_TYPE_BYTES, shape=[2], elements=[b"a"]),
        ex.Tensor(name="t", shape=[1], data=b"1234"),
    ],
)
def test_tensors_that_do_not_fit_together_are_named(tensor: ex.Tensor) -> None:
    with pytest.raises(BadInput, match=r"^t: "):
        from_tensor(tensor)


def test_parameters_come_back_in_the_plans_order() -> None:
    loaded = load_parameters(dump_parameters(ARRAYS, TYPES), TYPES)
    assert list(loaded) == ["w", "b"]
    np.testing.assert_array_equal(loaded["b"], ARRAYS["b"])
    assert size_bytes(loaded) == 60


def test_the_same_parameters_give_the_same_bytes() -> None:
    assert dump_parameters(ARRAYS, TYPES) == dump_parameters(dict(reversed(ARRAYS.items())), TYPES)


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"w": ARRAYS["w"]}, "'b' is missing"),
        (ARRAYS | {"z": ARRAYS["b"]}, "'z' is unknown"),
        (ARRAYS | {"b": np.zeros(4, "f4")}, r"'b' is float32\[4\], not float32\[3\]"),
        (ARRAYS | {"b": np.zeros(3, "f8")}, "'b' is float64"),
    ],
)
def test_parameters_of_another_plan_are_refused(arrays: dict[str, NDArray[Any]], named: str) -> None:
    blob = dump_parameters(arrays, {name: TensorType(array.shape, array.dtype) for name, array in arrays.items()})
    with pytest.raises(BadParameters, match=named):
        load_parameters(blob, TYPES)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_pass_for_parameters(blob: bytes) -> None:
    with pytest.raises(BadParameters):
        load_parameters(blob, TYPES)


def _zip(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return content.getvalue()


def _link(name: str, kind: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (kind | 0o777) << 16
    return entry


def test_unpacks_files() -> None:
    archive = _zip(("a/b.txt", b"text"), ("c/", b""), ("c/d", b""))
    assert list(unpack_zip(archive)) == [(PurePosixPath("a/b.txt"), b"text"), (PurePosixPath("c/d"), b"")]


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"PK\x03\x04 nothing",
        _zip(("../a", b"x")),
        _zip(("a/../../b", b"x")),
        _zip(("/etc/passwd", b"x")),
        _zip(("a\\..\\b", b"x")),
        _zip((_link("link", stat.S_IFLNK), b"/etc")),
        _zip((_link("device", stat.S_IFBLK), b"")),
        _zip(("a", b"x"), ("./a", b"y")),
        _zip(("a", b"x"), ("a/b", b"y")),
        _zip(("bomb", bytes(200_000))),
        _zip(*((f"f{n}", b"") for n in range(5000))),
        _zip(("a", b"x"), ("a/", b"")),
        _zip(("a", b"compressible" * 100))[:90] + bytes(60),
    ],
)
def test_unsafe_archives_are_rejected(archive: bytes) -> None:
    unpacked = []
    with pytest.raises(GraphRejected):
        unpacked.extend(unpack_zip(archive, max_bytes=100_000))
