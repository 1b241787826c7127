"""An engine that the project does not know keeps the contract, and is found through the registry."""

from importlib.metadata import EntryPoint, PackageNotFoundError

import pytest

import ml_engines
from insitu.v1.plan_pb2 import EngineRequirement
from ml_engines.engine import Engine
from ml_engines.errors import BadInput, EngineMissing
from ml_engines.registry import GROUP, EngineRegistry, find_engine
from tests.engines.contract import EngineContract
from tests.engines.numpy_engine import GRAPH, NumPyEngine, registry


class TestNumPy(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return NumPyEngine()

    @pytest.fixture
    def graph(self) -> bytes:
        return GRAPH


class NotInstalled(NumPyEngine):
    def version(self) -> str:
        raise PackageNotFoundError("the-runtime")


def test_own_engines_are_found_by_name() -> None:
    assert find_engine(EngineRequirement(name="litert")).name == "litert"
    assert find_engine(EngineRequirement(name="tensorflow", version_range=">=2.0,<3")).name == "tensorflow"


def test_own_names_are_those_of_the_entry_points() -> None:
    assert {"litert", "tensorflow"} <= set(EngineRegistry(list).names())
    assert registry().names() == ["litert", "numpy", "tensorflow"]


def test_others_are_found_through_entry_points() -> None:
    assert isinstance(registry().find(EngineRequirement(name="numpy", version_range="~=1.4")), NumPyEngine)


@pytest.mark.parametrize("version_range", [">=2", "==1.4.*", "<1"])
def test_a_version_out_of_range_is_missing(version_range: str) -> None:
    with pytest.raises(EngineMissing, match=r"1\.5.*needs"):
        registry().find(EngineRequirement(name="numpy", version_range=version_range))


def test_an_unknown_engine_is_missing() -> None:
    with pytest.raises(EngineMissing, match="'abacus'"):
        registry().find(EngineRequirement(name="abacus"))


def test_a_range_that_is_none_is_the_plans_fault() -> None:
    with pytest.raises(BadInput, match="version_range"):
        registry().find(EngineRequirement(name="numpy", version_range="about two"))


@pytest.mark.parametrize("value", ["tests.engines.test_third_party:NotInstalled", "no_such_package:Engine"])
def test_an_engine_without_its_runtime_says_what_to_install(value: str) -> None:
    engines = EngineRegistry(lambda: [EntryPoint("abacus", value, GROUP)])
    with pytest.raises(EngineMissing, match="install"):
        engines.find(EngineRequirement(name="abacus"))


def test_our_own_remedy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: object) -> str:
        raise PackageNotFoundError("tensorflow")

    monkeypatch.setattr("ml_engines.tensorflow.TensorFlowEngine.version", absent)
    with pytest.raises(EngineMissing, match=r"insitu\[tensorflow\]"):
        find_engine(EngineRequirement(name="tensorflow"))


def test_the_public_surface_is_pinned() -> None:
    errors = {"BadInput", "BadParameters", "EngineError", "EngineMissing", "FeatureMissing", "GraphRejected"}
    errors |= {"SignatureMissing"}
    types = {"Arrays", "Engine", "Model", "Runner", "Signature", "TensorType"}
    assert set(ml_engines.__all__) == errors | types | {"EngineRegistry", "Feeds", "find_engine"}
