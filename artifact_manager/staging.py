"""Blobs on their way in: pieces of one file for each enclave and digest, until the last one has come.

What a process leaves behind when it dies is taken up again, or removed after a day.
"""

from pathlib import Path

from artifact_manager.digests import is_digest
from artifact_manager.disk import Disk, room_needed
from artifact_manager.errors import WrongOffset

MAX_STAGED = 16
"""Unfinished blobs of one enclave; a further one displaces the one that was touched least recently."""
ABANDONED_AFTER_MS = 86_400_000


class Staging:
    """Not safe for concurrent use within one enclave; the store's locks see to that."""

    def __init__(self, folder: Path, disk: Disk, now_ms: int) -> None:
        """Take up what is there; remove what was abandoned, or is none of ours."""
        self._folder = folder
        self._disk = disk
        self._sizes: dict[int, dict[str, int]] = {}
        disk.make_folder(folder)
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime):
            enclave, _, sha256 = path.name.partition("-")
            status = path.stat()
            if enclave.isdecimal() and is_digest(sha256) and now_ms - status.st_mtime * 1000 < ABANDONED_AFTER_MS:
                self._sizes.setdefault(int(enclave), {})[sha256] = status.st_size
            else:
                disk.remove(path)

    def size_bytes(self, enclave: int, but: str = "") -> int:
        """All unfinished bytes of an enclave, but for those of one digest."""
        return sum(size for sha256, size in self._sizes.get(enclave, {}).items() if sha256 != but)

    def append(self, enclave: int, sha256: str, offset: int, data: bytes) -> int:
        """Add what the piece has beyond the bytes already there; returns how many there are now.

        So a piece may be repeated, and an upload begun again. Raises WrongOffset for a gap, LimitExceeded.
        """
        sizes = self._sizes.setdefault(enclave, {})
        size = sizes.pop(sha256, 0)
        if offset > size:
            sizes[sha256] = size
            raise WrongOffset(offset, size)
        while len(sizes) >= MAX_STAGED:
            self.discard(enclave, next(iter(sizes)))
        sizes[sha256] = size
        fresh = data[size - offset :]
        with room_needed("this artifact"):
            self._disk.write(self.path(enclave, sha256), fresh, size)
        sizes[sha256] = size + len(fresh)
        return size + len(fresh)

    def path(self, enclave: int, sha256: str) -> Path:
        return self._folder / f"{enclave}-{sha256}"

    def forget(self, enclave: int, sha256: str) -> None:
        """The file has moved on."""
        self._sizes.get(enclave, {}).pop(sha256, None)

    def discard(self, enclave: int, sha256: str) -> None:
        self.forget(enclave, sha256)
        self._disk.remove(self.path(enclave, sha256))

    def discard_all(self, enclave: int, but: str = "") -> None:
        """Discard an enclave's unfinished blobs, but for that of one digest."""
        for sha256 in list(self._sizes.get(enclave, {})):
            if sha256 != but:
                self.discard(enclave, sha256)
