from pathlib import Path

import pytest

from artifact_manager import (
    ArtifactCorrupt,
    BadUri,
    Catalog,
    LimitExceeded,
    MetricChange,
    MutableArtifacts,
    NewVersion,
    NoEarlierVersion,
    NoSuchVersion,
    NotProduced,
    Parent,
    sha256_of,
)
from tests.artifacts.faults import FullDisk, Fuse, FusedCatalog, FusedDisk, Keys, PowerCut, SealGone, files_below

ENCLAVE = 7
URI = "artifact:/words-session/params"
OTHER = "artifact:/faces/params"


def new(data: bytes, *parents: int, context: str = "", collections: str = "words", run: int = 0) -> NewVersion:
    return NewVersion(
        data=data,
        created_ms=1_700_000_000_000,
        plan_name="words/train",
        plan_version="1.0.0",
        context=frozenset(context.split()),
        collections=frozenset(collections.split()),
        parents=[Parent(URI, parent) for parent in parents],
        metrics=(MetricChange("loss", 0.9, 0.4),),
        run=run,
    )


class Bench:
    """Mutable artifacts that can be opened again with the keys they had."""

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder = folder
        self.keep = keep
        self.keys = Keys()
        self.open()

    def open(self) -> MutableArtifacts:
        self.artifacts = MutableArtifacts(
            self.folder / "mutable", Catalog(self.folder / "artifacts.db"), self.keys, keep=self.keep
        )
        return self.artifacts

    @property
    def versions(self) -> list[int]:
        return [v.version for found in self.artifacts.artifacts(ENCLAVE) if found.uri == URI for v in found.versions]

    def serving(self) -> bytes | None:
        return self.artifacts.read(ENCLAVE, URI)[1] if self.artifacts.in_use(ENCLAVE, URI) else None

    def files(self) -> list[str]:
        return files_below(self.folder / "mutable")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_commit_goes_into_use(bench: Bench) -> None:
    assert bench.artifacts.in_use(ENCLAVE, URI) is None
    version = bench.artifacts.commit(ENCLAVE, URI, new(b"one", context="power", run=41))
    assert bench.artifacts.in_use(ENCLAVE, URI) == (1, sha256_of(b"one"))
    assert bench.artifacts.read(ENCLAVE, URI) == (version, b"one")
    assert bench.artifacts.in_use(ENCLAVE + 1, URI) is None
    (found,) = bench.open().artifacts(ENCLAVE)
    assert found.versions == (version,)
    assert (found.in_use, version.context, version.metrics[0].after) == (1, {"power"}, 0.4)
    assert bench.serving() == b"one"


def test_bytes_are_sealed_on_disk(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"canary" * 10))
    for path in bench.folder.rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes()


def test_nothing_produced_yet(bench: Bench) -> None:
    with pytest.raises(NotProduced, match="must run first") as refused:
        bench.artifacts.read(ENCLAVE, URI)
    assert refused.value.status == "FAILED_PRECONDITION"
    with pytest.raises(NoSuchVersion):
        bench.artifacts.read(ENCLAVE, URI, 1)
    with pytest.raises(NoSuchVersion):
        bench.artifacts.roll_back(ENCLAVE, URI)


@pytest.mark.parametrize("uri", ["words", "artifact:/a", "mrepo:/words", "artifact:/a/../b"])
def test_only_mutable_uris_are_committed(bench: Bench, uri: str) -> None:
    with pytest.raises(BadUri):
        bench.artifacts.commit(ENCLAVE, uri, new(b"x"))


def test_old_versions_retire_but_never_the_one_in_use(bench: Bench) -> None:
    for n in range(1, 4):
        bench.artifacts.commit(ENCLAVE, URI, new(b"%d" % n))
    bench.artifacts.roll_back(ENCLAVE, URI, 1)
    assert bench.artifacts.commit(ENCLAVE, URI, new(b"4")).version == 4
    assert bench.versions == [4, 3, 2]
    assert len(bench.files()) == len(bench.keys.keys) == 3


def test_a_repeated_commit_of_a_run_is_recognised(bench: Bench) -> None:
    first = bench.artifacts.commit(ENCLAVE, URI, new(b"one", run=5))
    assert bench.artifacts.commit(ENCLAVE, URI, new(b"one", run=5)) == first
    assert bench.artifacts.produced_by(ENCLAVE, URI, 5) == 1
    assert bench.artifacts.produced_by(ENCLAVE, URI, 6) == 0
    assert bench.artifacts.produced_by(ENCLAVE, OTHER, 5) == 0


def test_rollback_and_forward(bench: Bench) -> None:
    for n in range(1, 4):
        bench.artifacts.commit(ENCLAVE, URI, new(b"%d" % n))
    assert bench.artifacts.roll_back(ENCLAVE, URI).version == 2
    assert bench.artifacts.roll_back(ENCLAVE, URI).version == 1
    with pytest.raises(NoEarlierVersion):
        bench.artifacts.roll_back(ENCLAVE, URI)
    with pytest.raises(NoSuchVersion):
        bench.artifacts.roll_back(ENCLAVE, URI, 9)
    bench.open()
    assert bench.serving() == b"1"
    assert bench.artifacts.roll_back(ENCLAVE, URI, 3).version == 3
    assert bench.serving() == b"3"


def test_forgetting_a_context_type_follows_the_lineage(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"1"))
    bench.artifacts.commit(ENCLAVE, URI, new(b"2", 1, context="power"))
    bench.artifacts.commit(ENCLAVE, URI, new(b"3", 2))
    assert bench.artifacts.forget_context(ENCLAVE, "day") == 0
    assert bench.artifacts.forget_context(ENCLAVE, "power") == 2
    assert bench.artifacts.in_use(ENCLAVE, URI) is None
    assert bench.versions == [1]
    assert list(bench.keys.keys) == [(ENCLAVE, f"{URI}#1")]
    assert len(bench.files()) == 1
    with pytest.raises(NotProduced):
        bench.artifacts.read(ENCLAVE, URI)


def test_what_was_trained_from_something_forgotten_is_not_committed(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"1", context="power"))
    bench.artifacts.forget_context(ENCLAVE, "power")
    with pytest.raises(NoSuchVersion, match="train again from the base"):
        bench.artifacts.commit(ENCLAVE, URI, new(b"2", 1))
    assert (bench.versions, bench.files()) == ([], [])
    assert bench.artifacts.commit(ENCLAVE, URI, new(b"2")).version == 2


def test_lineage_outlives_a_retired_parent_and_is_forgotten_with_it(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"1", context="power"))
    for n in range(2, 6):
        bench.artifacts.commit(ENCLAVE, URI, new(b"%d" % n))
    assert bench.versions == [5, 4, 3]
    assert bench.artifacts.commit(ENCLAVE, OTHER, new(b"o", 1)).context == {"power"}
    assert bench.artifacts.forget_context(ENCLAVE, "power") == 1
    with pytest.raises(NoSuchVersion):
        bench.artifacts.commit(ENCLAVE, OTHER, new(b"o", 1))


def test_forgetting_collections_artifacts_and_enclaves(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"w", collections="words"))
    bench.artifacts.commit(ENCLAVE, OTHER, new(b"f", collections="faces"))
    bench.artifacts.commit(ENCLAVE + 1, URI, new(b"x"))
    assert bench.artifacts.forget_collections(ENCLAVE, frozenset({"words", "none"})) == 1
    assert bench.artifacts.in_use(ENCLAVE, URI) is None
    assert bench.artifacts.delete(ENCLAVE, OTHER) == 1
    bench.artifacts.forget_enclave(ENCLAVE)
    assert bench.artifacts.artifacts(ENCLAVE) == []
    assert len(bench.artifacts.artifacts()) == 1
    assert bench.artifacts.read(ENCLAVE + 1, URI)[1] == b"x"


@pytest.mark.parametrize("damage", ["flip", "swap", "remove"])
def test_a_damaged_version_is_never_served(bench: Bench, damage: str) -> None:
    for n in range(1, 4):
        bench.artifacts.commit(ENCLAVE, URI, new(b"%d" % n))
    path = bench.folder / "mutable" / "7" / "words-session" / "params" / "3"
    match damage:
        case "flip":
            sealed = path.read_bytes()
            path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        case "swap":
            path.write_bytes(path.with_name("2").read_bytes())
        case "remove":
            path.unlink()
    with pytest.raises(ArtifactCorrupt, match="version 2 serves now") as refused:
        bench.artifacts.read(ENCLAVE, URI)
    assert refused.value.status == "DATA_LOSS"
    assert bench.serving() == b"2"
    assert bench.versions == [2, 1]
    assert bench.artifacts.commit(ENCLAVE, URI, new(b"4")).version == 4


def test_without_keys_nothing_is_opened_and_nothing_is_given_up(bench: Bench) -> None:
    bench.artifacts.commit(ENCLAVE, URI, new(b"1"))
    keys, bench.keys.keys = bench.keys.keys, {}
    with pytest.raises(SealGone):
        bench.artifacts.read(ENCLAVE, URI)
    bench.keys.keys = keys
    assert bench.serving() == b"1"


def test_a_full_disk_leaves_the_old_version(tmp_path: Path) -> None:
    disk, keys = FullDisk(room_bytes=1000), Keys()
    artifacts = MutableArtifacts(tmp_path / "mutable", Catalog(tmp_path / "artifacts.db"), keys, disk=disk)
    artifacts.commit(ENCLAVE, URI, new(b"1"))
    with pytest.raises(LimitExceeded, match="free some space"):
        artifacts.commit(ENCLAVE, URI, new(bytes(2000)))
    assert artifacts.read(ENCLAVE, URI)[1] == b"1"
    assert len(files_below(tmp_path / "mutable")) == len(keys.keys) == 1
    disk.room_bytes = 10_000
    artifacts.commit(ENCLAVE, URI, new(bytes(2000)))
    assert artifacts.read(ENCLAVE, URI)[1] == bytes(2000)


@pytest.mark.parametrize("work", ["commit", "forget", "retire"])
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_and_no_litter(tmp_path: Path, work: str) -> None:
    step, done = 0, False
    while not done:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        bench = Bench(folder)
        before = 3 if work == "retire" else 1
        for n in range(1, before + 1):
            bench.artifacts.commit(ENCLAVE, URI, new(b"old%d" % n, context="power"))
        fuse = Fuse()
        catalog = FusedCatalog(folder / "artifacts.db", fuse)
        artifacts = MutableArtifacts(folder / "mutable", catalog, bench.keys, disk=FusedDisk(fuse))
        bench.keys.tick = fuse.tick
        fuse.blows_at = fuse.steps + step
        acknowledged = False
        try:
            if work == "forget":
                artifacts.forget_context(ENCLAVE, "power")
            else:
                artifacts.commit(ENCLAVE, URI, new(b"new", run=9))
            acknowledged = done = True
        except PowerCut:
            pass
        bench.keys.tick = lambda: None
        bench.open()
        if work == "forget":
            assert bench.serving() in ((None,) if acknowledged else (None, b"old1"))
        else:
            committed = bench.artifacts.produced_by(ENCLAVE, URI, 9) > 0
            assert committed or not acknowledged
            assert bench.serving() == (b"new" if committed else b"old%d" % before)
            bench.artifacts.commit(ENCLAVE, URI, new(b"new", run=9))
            assert bench.serving() == b"new"
        for version in bench.versions:
            assert bench.artifacts.read(ENCLAVE, URI, version)[0].version == version
        assert len(bench.files()) == len(bench.keys.keys) == len(bench.versions)
    assert step > 5
