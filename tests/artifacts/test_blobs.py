import os
import stat
from pathlib import Path

import pytest

from artifact_manager import (
    PIECE_BYTES,
    ArtifactCorrupt,
    ArtifactMissing,
    BadDigest,
    BlobStore,
    Catalog,
    LimitExceeded,
    WrongOffset,
    WrongSize,
    sha256_of,
)
from artifact_manager.staging import ABANDONED_AFTER_MS, MAX_STAGED
from context.clock import ManualClock
from tests.artifacts.faults import FullDisk, Fuse, FusedCatalog, FusedDisk, PowerCut, files_below

A, B = 1, 2
DATA = bytes(range(256)) * 8
DIGEST = sha256_of(DATA)


class Shelf:
    """A blob store that can be opened again."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.limits = limits
        self.open()

    def open(self) -> None:
        catalog = Catalog(self.folder / "artifacts.db")
        self.store = BlobStore(self.folder / "blobs", catalog, self.clock.now_ms, **self.limits)

    def put(self, enclave: int, data: bytes, piece: int = PIECE_BYTES) -> str:
        sha256 = sha256_of(data)
        for offset in range(0, len(data), piece):
            self.store.put(enclave, sha256, len(data), offset, data[offset : offset + piece])
        self.clock.advance(1)
        return sha256

    def object(self, sha256: str) -> Path:
        return self.folder / "blobs" / "objects" / sha256[:2] / sha256


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_pieces_make_a_blob(shelf: Shelf) -> None:
    assert shelf.store.missing(A, [DIGEST]) == [DIGEST]
    assert shelf.store.put(A, DIGEST, len(DATA), 0, DATA[:1000]) is False
    assert shelf.store.missing(A, [DIGEST]) == [DIGEST]
    assert shelf.store.put(A, DIGEST, len(DATA), 1000, DATA[1000:]) is True
    assert shelf.store.missing(A, [DIGEST]) == []
    assert shelf.store.read(A, DIGEST) == DATA
    assert shelf.store.usage_bytes(A) == len(DATA)


def test_blobs_survive_reopening_and_are_private_files(shelf: Shelf) -> None:
    shelf.put(A, DATA)
    shelf.open()
    assert shelf.store.read(A, DIGEST) == DATA
    assert stat.S_IMODE(shelf.object(DIGEST).stat().st_mode) == 0o600
    assert stat.S_IMODE(shelf.object(DIGEST).parent.stat().st_mode) == 0o700


def test_a_digest_alone_gives_no_access_to_anothers_blob(shelf: Shelf) -> None:
    shelf.put(A, DATA)
    assert shelf.store.missing(B, [DIGEST]) == [DIGEST]
    with pytest.raises(ArtifactMissing):
        shelf.store.read(B, DIGEST)
    with pytest.raises(ArtifactMissing):
        shelf.store.pin(B, "session words", DIGEST)
    assert shelf.store.put(B, DIGEST, len(DATA), 0, DATA[:1000]) is False
    shelf.store.put(B, DIGEST, len(DATA), 1000, DATA[1000:])
    assert shelf.store.read(B, DIGEST) == DATA
    shelf.store.remove_enclave(A)
    assert shelf.store.read(B, DIGEST) == DATA
    shelf.store.remove_enclave(B)
    assert not shelf.object(DIGEST).exists()


def test_repeated_and_overlapping_pieces_do_no_harm(shelf: Shelf) -> None:
    size = len(DATA)
    shelf.store.put(A, DIGEST, size, 0, DATA[:800])
    shelf.store.put(A, DIGEST, size, 0, DATA[:800])
    shelf.store.put(A, DIGEST, size, 400, DATA[400:1200])
    with pytest.raises(WrongOffset, match="go on from 1200") as refused:
        shelf.store.put(A, DIGEST, size, 1300, DATA[1300:])
    assert refused.value.expected_bytes == 1200
    assert shelf.store.put(A, DIGEST, size, 1000, DATA[1000:]) is True
    assert shelf.store.put(A, DIGEST, size, 0, DATA[:800]) is True
    assert shelf.store.read(A, DIGEST) == DATA


def test_an_upload_goes_on_after_a_restart(shelf: Shelf) -> None:
    shelf.store.put(A, DIGEST, len(DATA), 0, DATA[:800])
    shelf.clock = ManualClock(round(os.stat(shelf.folder).st_mtime * 1000))
    shelf.open()
    assert shelf.store.put(A, DIGEST, len(DATA), 800, DATA[800:]) is True


def test_abandoned_uploads_and_foreign_files_are_removed_at_open(shelf: Shelf) -> None:
    shelf.store.put(A, DIGEST, len(DATA), 0, DATA[:800])
    staging = shelf.folder / "blobs" / "staging"
    (staging / "stray").write_bytes(b"x")
    (shelf.folder / "blobs" / "objects" / "ab").mkdir()
    (shelf.folder / "blobs" / "objects" / "ab" / "stray").write_bytes(b"x")
    shelf.clock = ManualClock(round(os.stat(staging / "stray").st_mtime * 1000) + 2 * ABANDONED_AFTER_MS)
    shelf.open()
    assert files_below(shelf.folder / "blobs") == []


def test_wrong_bytes_are_refused_and_begin_anew(shelf: Shelf) -> None:
    with pytest.raises(ArtifactCorrupt, match="do not have the digest"):
        shelf.store.put(A, DIGEST, 4, 0, b"else")
    assert shelf.store.missing(A, [DIGEST]) == [DIGEST]
    assert files_below(shelf.folder / "blobs") == []
    shelf.put(A, DATA)
    assert shelf.store.read(A, DIGEST) == DATA


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA[:-1] + b"\0", DATA + b"\0"])
def test_damage_on_disk_is_never_served(shelf: Shelf, damage: bytes) -> None:
    shelf.put(A, DATA)
    shelf.object(DIGEST).write_bytes(damage)
    with pytest.raises(ArtifactCorrupt, match="quarantined") as refused:
        shelf.store.read(A, DIGEST)
    assert refused.value.status == "DATA_LOSS"
    assert shelf.store.quarantined() == [DIGEST]
    assert shelf.store.missing(A, [DIGEST]) == [DIGEST]
    shelf.put(A, DATA)
    assert shelf.store.read(A, DIGEST) == DATA


def test_a_link_in_place_of_a_blob_is_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(A, DATA)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(DATA)
    shelf.object(DIGEST).unlink()
    shelf.object(DIGEST).symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic"):
        shelf.store.read(A, DIGEST)


@pytest.mark.parametrize(
    ("size", "offset", "data", "error"),
    [
        (0, 0, b"", WrongSize),
        (5, 0, b"", WrongSize),
        (-1, 0, b"x", WrongSize),
        (5, -1, b"x", WrongSize),
        (5, 4, b"xx", WrongSize),
        (1001, 0, b"x", LimitExceeded),
        (PIECE_BYTES * 2, 0, bytes(PIECE_BYTES + 1), LimitExceeded),
    ],
)
def test_pieces_that_cannot_be(tmp_path: Path, size: int, offset: int, data: bytes, error: type[Exception]) -> None:
    shelf = Shelf(tmp_path, max_blob_bytes=1000)
    with pytest.raises(error):
        shelf.store.put(A, DIGEST, size, offset, data)
    assert files_below(tmp_path / "blobs") == []


@pytest.mark.parametrize("sha256", ["", "abc", DIGEST.upper(), "../" + DIGEST[3:], DIGEST + "0"])
def test_digests_that_are_none(shelf: Shelf, sha256: str) -> None:
    for call in (
        lambda: shelf.store.missing(A, [sha256]),
        lambda: shelf.store.put(A, sha256, 1, 0, b"x"),
        lambda: shelf.store.read(A, sha256),
        lambda: shelf.store.pin(A, "p", sha256),
    ):
        with pytest.raises(BadDigest, match="64 hexadecimal"):
            call()


def test_the_quota_lets_go_of_what_was_used_least_recently(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, quota_bytes=300)
    first, second, third = (shelf.put(A, bytes([n]) * 100) for n in range(3))
    shelf.clock.advance(1)
    shelf.store.read(A, first)
    fourth = shelf.put(A, b"4" * 100)
    assert shelf.store.missing(A, [first, second, third, fourth]) == [second]
    assert not shelf.object(second).exists()
    assert shelf.put(B, b"5" * 300)
    assert shelf.store.usage_bytes(A) == 300


def test_what_is_pinned_stays(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, quota_bytes=300)
    first, second = (shelf.put(A, bytes([n]) * 100) for n in range(2))
    shelf.store.pin(A, "session words", second)
    shelf.store.pin(A, "session words", first)
    shelf.store.pin(A, "session faces", second)
    with pytest.raises(LimitExceeded, match="300 bytes"):
        shelf.put(A, b"x" * 200)
    shelf.store.unpin(A, "session faces")
    big = shelf.put(A, b"x" * 200)
    assert shelf.store.missing(A, [first, second, big]) == [second]


def test_unfinished_uploads_count_and_are_limited(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, quota_bytes=300)
    for n in range(20):
        shelf.store.put(A, sha256_of(bytes([n]) * 300), 300, 0, bytes([n]) * 14)
    staged = files_below(tmp_path / "blobs" / "staging")
    assert 0 < len(staged) <= MAX_STAGED
    assert sum((tmp_path / "blobs" / "staging" / name).stat().st_size for name in staged) <= 300


def test_a_full_disk_is_said_so_and_passes(tmp_path: Path) -> None:
    disk = FullDisk(room_bytes=1000)
    clock = ManualClock()
    store = BlobStore(tmp_path / "blobs", Catalog(tmp_path / "artifacts.db"), clock.now_ms, disk=disk)
    store.put(A, DIGEST, len(DATA), 0, DATA[:900])
    with pytest.raises(LimitExceeded, match="free some space"):
        store.put(A, DIGEST, len(DATA), 900, DATA[900:])
    disk.room_bytes = 10_000
    assert store.put(A, DIGEST, len(DATA), 900, DATA[900:]) is True
    assert store.read(A, DIGEST) == DATA


def test_a_power_cut_at_any_step_loses_nothing_acknowledged_and_leaves_no_litter(tmp_path: Path) -> None:
    other = b"other" * 100
    step, done = 0, False
    while not done:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        Shelf(folder).put(A, other)
        fuse = Fuse()
        store = BlobStore(
            folder / "blobs", FusedCatalog(folder / "artifacts.db", fuse), ManualClock().now_ms, disk=FusedDisk(fuse)
        )
        fuse.blows_at = fuse.steps + step
        acknowledged = False
        try:
            store.put(A, DIGEST, len(DATA), 0, DATA[:1000])
            acknowledged = store.put(A, DIGEST, len(DATA), 1000, DATA[1000:])
            store.remove_enclave(B)
            done = True
        except PowerCut:
            pass
        again = Shelf(folder)
        assert again.store.read(A, sha256_of(other)) == other
        held = not again.store.missing(A, [DIGEST])
        assert held or not acknowledged
        expected = {sha256_of(other)} | ({DIGEST} if held else set())
        assert {Path(name).name for name in files_below(folder / "blobs" / "objects")} == expected
        again.put(A, DATA)
        assert again.store.read(A, DIGEST) == DATA
        assert files_below(folder / "blobs" / "staging") == []
    assert step > 10


def test_a_catalog_of_a_later_release_or_of_rubbish_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "later.db")
    with catalog.transaction() as connection:
        connection.execute("PRAGMA user_version=99")
    catalog.close()
    catalog.close()
    with pytest.raises(ArtifactCorrupt, match="install the newer release"):
        Catalog(tmp_path / "later.db")
    (tmp_path / "rubbish.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(ArtifactCorrupt, match="damaged"):
        Catalog(tmp_path / "rubbish.db")
