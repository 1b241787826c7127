import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import artifact_manager
from artifact_manager import ArtifactMissing, BlobStore, Catalog, PlanLibrary, PlanRejected, sha256_of
from context.clock import ManualClock
from insitu.v1.example_pb2 import Example, Features
from insitu.v1.plan_pb2 import Plan
from tests.artifacts import plans
from tests.artifacts.test_predicates import integers


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", Catalog(tmp_path / "artifacts.db"), ManualClock().now_ms)


def put(blobs: BlobStore, plan: Plan) -> str:
    data = plan.SerializeToString()
    assert blobs.put(1, sha256_of(data), len(data), 0, data)
    return sha256_of(data)


def test_a_plan_is_remembered_without_its_bulk(blobs: BlobStore) -> None:
    library = PlanLibrary(blobs)
    sha256 = put(blobs, plans.inference())
    record = library.plan(1, sha256)
    assert record.plan.name == "keyboard/next-word"
    assert (record.plan.graph.inline, record.plan.base_parameters) == (b"", b"")
    assert record.context_types == {"power", "day"}
    assert record.size_bytes == len(plans.inference().SerializeToString())
    assert record.matches is None
    assert library.plan(1, sha256) is record
    library.forget(1)
    assert library.plan(1, sha256) is not record


def test_a_training_plan_comes_with_its_predicate(blobs: BlobStore) -> None:
    record = PlanLibrary(blobs).plan(1, put(blobs, plans.training()))
    assert record.matches is not None
    context = {"power": Features(feature={"charging": integers(1)})}
    assert record.matches(Example(features=Features(feature={"label": integers(4)})), context)
    assert not record.matches(Example(features=Features(feature={"label": integers(5)})), context)
    evaluation = plans.evaluation()
    evaluation.evaluation.query.ClearField("where")
    assert PlanLibrary(blobs).plan(1, put(blobs, evaluation)).matches is None


def test_another_enclaves_plan_is_missing_even_when_remembered(blobs: BlobStore) -> None:
    library = PlanLibrary(blobs, capacity=1)
    sha256 = put(blobs, plans.inference())
    library.plan(1, sha256)
    with pytest.raises(ArtifactMissing, match="hand the file over"):
        library.plan(2, sha256)
    library.plan(1, put(blobs, plans.training()))
    assert library.plan(1, sha256).sha256 == sha256


def test_a_bad_plan_fails_alone(blobs: BlobStore) -> None:
    bad = plans.inference()
    bad.name = "Bad"
    library = PlanLibrary(blobs)
    with pytest.raises(PlanRejected, match=r"^name: 'Bad' is no name"):
        library.plan(1, put(blobs, bad))
    assert library.plan(1, put(blobs, plans.inference()))


def test_public_surface_is_what_all_lists() -> None:
    module = vars(artifact_manager)
    named = {name for name, value in module.items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(artifact_manager.__all__) == named


def test_the_package_stays_light() -> None:
    """It lives in the daemon's primary process, which opens no array and no graph."""
    heavy = {"numpy", "grpc", "safetensors", "tensorflow", "context", "platform_daemon"}
    code = f"import sys, artifact_manager; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
