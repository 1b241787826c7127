"""What apps see: names, cost of the import, and a method table that agrees with the protocol."""

import importlib
import inspect
import pkgutil
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

import client_lib
from client_lib import InvalidArgument, aio, errors, testing
from client_lib.grpc_transport import GrpcTransport
from client_lib.locations import find_control_socket, find_socket, locate
from client_lib.retry import BACKGROUND, INTERACTIVE, Patience
from client_lib.tensors import Tensor
from client_lib.transport import Method
from insitu.v1 import access_pb2, artifact_pb2, collection_pb2, control_pb2, example_pb2, prediction_pb2, training_pb2

PROTOCOL = {
    f"/{service.full_name}/{method.name}": method
    for module in (access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
METHODS = [
    value
    for info in pkgutil.iter_modules(client_lib.__path__)
    for _, value in inspect.getmembers(importlib.import_module(f"client_lib.{info.name}"))
    if isinstance(value, Method)
]


def same_on_the_wire(ours: Descriptor, theirs: Descriptor) -> bool:
    """The same message, or one that leaves messages in it serialized."""
    if ours is theirs:
        return True
    kinds = {(field.number, field.is_repeated): field.type for field in theirs.fields}
    mine = {(field.number, field.is_repeated): field.type for field in ours.fields}
    return kinds.keys() == mine.keys() and all(
        mine[key] == kind or (mine[key], kind) == (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE)
        for key, kind in kinds.items()
    )


def test_every_method_of_the_protocol_is_there_with_its_types() -> None:
    assert {method.path for method in METHODS} == set(PROTOCOL)
    for method in METHODS:
        described = PROTOCOL[method.path]
        assert same_on_the_wire(method.request_type.DESCRIPTOR, described.input_type)
        assert method.response_type is GetMessageClass(described.output_type)


def test_public_names_are_pinned() -> None:
    code = "from client_lib import *; print(*sorted(name for name in globals() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(client_lib.__all__) == sorted(client_lib.__all__)
    assert set(client_lib.__all__) <= set(dir(client_lib))


def test_names_are_loaded_when_they_are_used() -> None:
    code = "import client_lib, sys; before = 'client_lib.errors' in sys.modules; client_lib.NotFound; print(before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert client_lib.NotFound is errors.NotFound
    with pytest.raises(AttributeError, match="has no attribute 'Learner'"):
        client_lib.Learner  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("package", [aio, testing])
def test_public_names_of_the_packages_within_are_pinned(package: ModuleType) -> None:
    exported = {
        name for name, value in vars(package).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert exported == set(package.__all__)
    assert list(package.__all__) == sorted(package.__all__)


@pytest.mark.parametrize("name", ["CollectionClient", "Learning", "PredictorClient", "TrainerClient"])
def test_both_styles_have_the_same_surface(name: str) -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        plain = {name: value.__func__ if isinstance(value, classmethod) else value for name, value in found.items()}
        return {name: list(inspect.signature(value).parameters) for name, value in plain.items()}

    assert methods(getattr(aio, name)) == methods(getattr(client_lib, name))


def test_importing_loads_neither_grpc_nor_cryptography() -> None:
    code = "import client_lib, sys; print({'grpc', 'cryptography', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_error_class_is_drawn_in_the_tree() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, Exception):
            assert name in (errors.__doc__ or "")
            assert name in client_lib.__all__


def test_unknown_status_is_a_defect_and_unimplemented_an_old_daemon() -> None:
    assert isinstance(errors.from_status("ABORTED", "x"), errors.Internal)
    assert "update it" in str(errors.from_status("UNIMPLEMENTED", "Method not found"))


def test_locations() -> None:
    plain = {"HOME": "/home/ada"}
    assert find_socket(environ=plain) == Path("/home/ada/.local/state/insitu/run/insitu.sock")
    assert locate(environ=plain).config_file == Path("/home/ada/.config/insitu/insitu.toml")
    session = plain | {"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_STATE_HOME": "relative", "XDG_CONFIG_HOME": "/etc/xdg"}
    assert find_socket(environ=session) == Path("/run/user/1000/insitu/insitu.sock")
    assert locate(environ=session).state == Path("/home/ada/.local/state/insitu")
    assert locate(environ=session).config == Path("/etc/xdg/insitu")
    at_home = session | {"INSITU_HOME": "/srv/device1"}
    assert find_socket(environ=at_home) == Path("/srv/device1/run/insitu.sock")
    assert find_control_socket(environ=at_home) == Path("/srv/device1/run/control.sock")
    assert locate("/srv/device2", at_home).state == Path("/srv/device2/state")
    named = at_home | {"INSITU_SOCKET": "/tmp/i.sock"}
    assert find_socket(environ=named) == Path("/tmp/i.sock")
    assert find_socket("/tmp/j.sock", named) == Path("/tmp/j.sock")


def test_socket_path_that_no_socket_can_have() -> None:
    with pytest.raises(InvalidArgument, match="INSITU_HOME to a shorter path"):
        GrpcTransport(Path("/") / ("x" * 120))


@given(st.integers(), st.lists(st.floats(0.0, 20.0)))
def test_pauses_end_within_the_patience(seed: int, told: list[float]) -> None:
    for policy in (INTERACTIVE, BACKGROUND):
        patience = Patience(policy, random.Random(seed))
        taken = [patience.pause_s(at_least_s) for at_least_s in told]
        assert all(pause is None or pause >= at_least_s for pause, at_least_s in zip(taken, told, strict=True))
        drawn = list(iter(patience.pause_s, None))
        assert max(drawn, default=0.0) <= policy.longest_s
        pauses = [pause for pause in (*taken, *drawn) if pause is not None]
        assert sum(pauses) == pytest.approx(policy.patience_s)


@pytest.mark.parametrize("socket", ["a b#c%20?.sock", "ä.sock"])
def test_any_name_of_a_home_works(tmp_path: Path, socket: str) -> None:
    from tests.client.devices import Device, in_memory

    with in_memory() as daemon:
        (daemon.home / socket).symlink_to(daemon.socket)
        credentials = Device(daemon).approved_app("com.example.keyboard")
        client_lib.Learning.connect(
            package="com.example.keyboard", credentials=credentials, socket=daemon.home / socket
        ).close()


def test_tensors_of_every_element_type() -> None:
    strings = example_pb2.Tensor(name="t", dtype=example_pb2.DATA_TYPE_BYTES, shape=[2], elements=[b"a", b"b"])
    tensor = Tensor.from_wire(strings)
    assert (tensor.dtype, tensor.tolist(), tensor.row(1).tolist()) == ("bytes", [b"a", b"b"], b"b")
    flags = example_pb2.Tensor(name="t", dtype=example_pb2.DATA_TYPE_BOOL, shape=[1, 2], data=b"\x00\x01")
    assert Tensor.from_wire(flags).tolist() == [[False, True]]
    empty = example_pb2.Tensor(name="t", dtype=example_pb2.DATA_TYPE_INT64, shape=[2, 0, 3])
    assert Tensor.from_wire(empty).tolist() == [[], []]


@pytest.mark.parametrize(
    "message",
    [
        example_pb2.Tensor(name="t", dtype=example_pb2.DATA_TYPE_FLOAT32, shape=[2], data=b"1234"),
        example_pb2.Tensor(name="t", dtype=example_pb2.DATA_TYPE_FLOAT32, shape=[1], data=b"12345"),
        example_pb2.Tensor(name="t", shape=[1], data=b"1234"),
    ],
)
def test_tensor_that_contradicts_itself(message: example_pb2.Tensor) -> None:
    with pytest.raises(errors.DataLoss):
        Tensor.from_wire(message)
