"""Plans and parameters that apps handed over: files named by their content, verified when they come and when they go.

An enclave reads a blob only after it handed in the same bytes itself: knowing a digest gives no access, and nobody
learns what others hold. Equal content is kept once. The file comes first and its row second, so that a crash in
between leaves a file that the next opening removes.
"""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from artifact_manager.catalog import Catalog
from artifact_manager.digests import check_digest, is_digest, sha256_of
from artifact_manager.disk import Disk, LocalDisk, read_file, room_needed
from artifact_manager.errors import ArtifactCorrupt, ArtifactMissing, LimitExceeded, WrongSize
from artifact_manager.staging import Staging

PIECE_BYTES = 1 << 20
MAX_QUARANTINED = 8


class BlobStore:
    """All methods block, and may be called from several threads. One enclave waits only for itself while it writes."""

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        now_ms: Callable[[], int],
        *,
        max_blob_bytes: int = 256 << 20,
        quota_bytes: int = 1 << 30,
        disk: Disk | None = None,
    ) -> None:
        """Open the folder and remove what a crash left. `quota_bytes` is for each enclave; `now_ms` is Unix time."""
        self._catalog = catalog
        self._now_ms = now_ms
        self._max_blob_bytes = max_blob_bytes
        self._quota_bytes = quota_bytes
        self._disk = disk or LocalDisk()
        self._objects = folder / "objects"
        self._quarantine = folder / "quarantine"
        for needed in (self._objects, self._quarantine):
            self._disk.make_folder(needed)
        self._staging = Staging(folder / "staging", self._disk, now_ms())
        self._lock = threading.RLock()
        self._enclave_locks: defaultdict[int, threading.RLock] = defaultdict(threading.RLock)
        self.collect_garbage()

    def missing(self, enclave: int, digests: Iterable[str]) -> list[str]:
        """Those that the enclave has to hand in. Raises BadDigest."""
        wanted = [check_digest(sha256) for sha256 in digests]
        return [sha256 for sha256 in wanted if not self._holds(enclave, sha256)]

    def put(self, enclave: int, sha256: str, size_bytes: int, offset_bytes: int, data: bytes) -> bool:
        """Take a piece of at most PIECE_BYTES; True once the blob is complete, verified and durable.

        A piece may overlap what has come already. Raises BadDigest, WrongSize, WrongOffset (gap), LimitExceeded,
        ArtifactCorrupt where the whole does not have the digest: then it begins anew.
        """
        check_digest(sha256)
        self._check_piece(size_bytes, offset_bytes, data)
        with self._enclave_locks[enclave]:
            if self._holds(enclave, sha256):
                return True
            self._make_room(enclave, sha256, size_bytes)
            if self._staging.append(enclave, sha256, offset_bytes, data) < size_bytes:
                return False
            self._admit(enclave, sha256, size_bytes)
            return True

    def read(self, enclave: int, sha256: str) -> bytes:
        """A blob, verified again. Raises BadDigest, ArtifactMissing, ArtifactCorrupt (it is quarantined)."""
        if not self._holds(enclave, check_digest(sha256)):
            raise ArtifactMissing(f"sha256 {sha256[:12]}… is not on this device: hand the file over first")
        path = self._path(sha256)
        try:
            data = read_file(path)
        except FileNotFoundError:
            raise ArtifactMissing(f"sha256 {sha256[:12]}… has just been let go: hand the file over again") from None
        if sha256_of(data) != sha256:
            self._isolate(path)
            raise ArtifactCorrupt(
                f"sha256 {sha256[:12]}… was damaged on the disk and is quarantined: hand it over again"
            )
        with self._catalog.transaction() as connection:
            connection.execute(
                "UPDATE uploads SET used_ms=? WHERE enclave=? AND sha256=?", (self._now_ms(), enclave, sha256)
            )
        return data

    def pin(self, enclave: int, purpose: str, sha256: str) -> None:
        """Keep a blob while it serves a purpose, e.g. "session words"; a purpose keeps one blob, the last one named.

        Raises BadDigest, ArtifactMissing.
        """
        with self._lock:
            if not self._holds(enclave, check_digest(sha256)):
                raise ArtifactMissing(f"sha256 {sha256[:12]}… is not on this device: hand the file over first")
            with self._catalog.transaction() as connection:
                connection.execute("INSERT OR REPLACE INTO pins VALUES (?, ?, ?)", (enclave, purpose, sha256))

    def unpin(self, enclave: int, purpose: str) -> None:
        """The purpose is over. The blob stays until its room is needed."""
        with self._catalog.transaction() as connection:
            connection.execute("DELETE FROM pins WHERE enclave=? AND purpose=?", (enclave, purpose))

    def usage_bytes(self, enclave: int) -> int:
        """What counts against the enclave's quota; without what is still coming in."""
        with self._catalog.read() as connection:
            query = "SELECT COALESCE(SUM(size_bytes), 0) FROM uploads WHERE enclave=?"
            return int(connection.execute(query, (enclave,)).fetchone()[0])

    def remove_enclave(self, enclave: int) -> None:
        """The enclave holds nothing any more."""
        with self._enclave_locks[enclave], self._lock:
            self._staging.discard_all(enclave)
            with self._catalog.transaction() as connection:
                connection.execute("DELETE FROM uploads WHERE enclave=?", (enclave,))
                connection.execute("DELETE FROM pins WHERE enclave=?", (enclave,))
            self.collect_garbage()

    def collect_garbage(self) -> int:
        """Remove files that no enclave holds; returns how many."""
        with self._lock:
            with self._catalog.read() as connection:
                held = {row[0] for row in connection.execute("SELECT DISTINCT sha256 FROM uploads")}
            unheld = [path for path in self._objects.glob("*/*") if path.name not in held]
            for path in unheld:
                self._disk.remove(path)
            return len(unheld)

    def _check_piece(self, size_bytes: int, offset_bytes: int, data: bytes) -> None:
        if size_bytes < 1:
            raise WrongSize("size_bytes: an artifact has at least one byte")
        if size_bytes > self._max_blob_bytes:
            raise LimitExceeded(f"size_bytes: {size_bytes} is over the limit of {self._max_blob_bytes} bytes")
        if len(data) > PIECE_BYTES or not data:
            raise WrongSize(f"data: a piece has 1 to {PIECE_BYTES} bytes, not {len(data)}")
        if offset_bytes < 0 or offset_bytes + len(data) > size_bytes:
            raise WrongSize(f"offset_bytes: the piece reaches beyond size_bytes, {size_bytes}")

    def _path(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256

    def _holds(self, enclave: int, sha256: str) -> bool:
        with self._catalog.read() as connection:
            query = "SELECT 1 FROM uploads WHERE enclave=? AND sha256=?"
            known = connection.execute(query, (enclave, sha256)).fetchone() is not None
        return known and self._path(sha256).is_file()

    def _make_room(self, enclave: int, sha256: str, size_bytes: int) -> None:
        """Let go of other unfinished blobs, then of what was used least recently and is not pinned.

        Raises LimitExceeded.
        """
        needed = size_bytes + self.usage_bytes(enclave) - self._quota_bytes
        if needed + self._staging.size_bytes(enclave, but=sha256) <= 0:
            return
        self._staging.discard_all(enclave, but=sha256)
        if needed <= 0:
            return
        with self._lock, self._catalog.transaction() as connection:
            query = """SELECT sha256, size_bytes FROM uploads WHERE enclave=:enclave
                AND sha256 NOT IN (SELECT sha256 FROM pins WHERE enclave=:enclave) ORDER BY used_ms"""
            leaving = []
            for sha256, held_bytes in connection.execute(query, {"enclave": enclave}).fetchall():
                if needed <= 0:
                    break
                leaving.append((enclave, sha256))
                needed -= held_bytes
            if needed > 0:
                raise LimitExceeded(
                    f"size_bytes: {size_bytes} more would exceed this app's {self._quota_bytes} bytes of artifacts:"
                    " stop training sessions whose plans are no longer needed"
                )
            connection.executemany("DELETE FROM uploads WHERE enclave=? AND sha256=?", leaving)
        self.collect_garbage()

    def _admit(self, enclave: int, sha256: str, size_bytes: int) -> None:
        staged, target = self._staging.path(enclave, sha256), self._path(sha256)
        if sha256_of(read_file(staged)) != sha256:
            self._staging.discard(enclave, sha256)
            raise ArtifactCorrupt(f"the bytes handed over do not have the digest {sha256[:12]}…: hand them over again")
        with self._lock, room_needed("this artifact"):
            self._disk.make_folder(target.parent)
            self._disk.sync(staged)
            self._disk.rename(staged, target)
            self._disk.sync(target.parent)
            self._staging.forget(enclave, sha256)
            with self._catalog.transaction() as connection:
                row = (enclave, sha256, size_bytes, self._now_ms())
                connection.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", row)

    def _isolate(self, path: Path) -> None:
        """Take a damaged file out of the way; a few are kept for whoever wants to know why."""
        with self._lock:
            with contextlib.suppress(FileNotFoundError):
                self._disk.rename(path, self._quarantine / f"{path.name}-{self._now_ms()}")
            kept = sorted(self._quarantine.iterdir(), key=lambda kept: kept.stat().st_mtime)
            for oldest in kept[:-MAX_QUARANTINED]:
                self._disk.remove(oldest)

    def quarantined(self) -> list[str]:
        """Digests of damaged blobs that are kept aside."""
        names = (path.name.partition("-")[0] for path in self._quarantine.iterdir())
        return sorted(name for name in names if is_digest(name))
