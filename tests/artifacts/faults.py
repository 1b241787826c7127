"""A disk, a sealer and a catalog that lose power after any step, and what survives it."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from artifact_manager import Catalog
from artifact_manager.disk import LocalDisk


class PowerCut(BaseException):
    """Not an Exception: nobody cleans up after it."""


class Fuse:
    """Counts steps, and blows at one of them."""

    def __init__(self) -> None:
        self.steps = 0
        self.blows_at: int | None = None

    def tick(self) -> None:
        self.steps += 1
        if self.steps == self.blows_at:
            raise PowerCut


class FusedDisk:
    """Each step happens, or the power goes before it."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self._disk = LocalDisk()

    def write(self, path: Path, data: bytes, offset: int = 0) -> None:
        self._fuse.tick()
        self._disk.write(path, data[: len(data) // 2], offset)
        self._fuse.tick()
        self._disk.write(path, data, offset)

    def sync(self, path: Path) -> None:
        self._fuse.tick()

    def rename(self, source: Path, target: Path) -> None:
        self._fuse.tick()
        self._disk.rename(source, target)

    def remove(self, path: Path) -> None:
        self._fuse.tick()
        self._disk.remove(path)

    def make_folder(self, path: Path) -> None:
        self._fuse.tick()
        self._disk.make_folder(path)


class FullDisk(LocalDisk):
    """Has room for so many bytes more; a write that does not fit leaves its first half."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes = room_bytes

    def write(self, path: Path, data: bytes, offset: int = 0) -> None:
        if len(data) > self.room_bytes:
            super().write(path, data[: len(data) // 2], offset)
            raise OSError(28, "No space left on device")
        self.room_bytes -= len(data)
        super().write(path, data, offset)


class FusedCatalog(Catalog):
    """The power may go before a transaction is written, or right after."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        self._fuse = fuse
        self._depth = 0
        super().__init__(path)

    @contextmanager
    def transaction(self) -> Iterator:  # type: ignore[type-arg]
        with super().transaction() as connection:
            self._depth += 1
            try:
                yield connection
            finally:
                self._depth -= 1
            if not self._depth:
                self._fuse.tick()
        if not self._depth:
            self._fuse.tick()


class SealBroken(Exception):
    status = "DATA_LOSS"


class SealGone(Exception):
    status = "NOT_FOUND"


class Keys:
    """Keys by enclave and name, each made durable before it is used. Outlives a power cut, as a keyring file does."""

    def __init__(self, tick: Callable[[], None] = lambda: None) -> None:
        self.keys: dict[tuple[int, str], bytes] = {}
        self.tick = tick

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes:
        self.tick()
        key = self.keys.setdefault((enclave, name), os.urandom(16))
        self.tick()
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, name.encode())

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes:
        key = self.keys.get((enclave, name))
        if key is None:
            raise SealGone(name)
        try:
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken(name) from error

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int:
        self.tick()
        gone = [name for name in names if self.keys.pop((enclave, name), None) is not None]
        self.tick()
        return len(gone)


def files_below(folder: Path) -> list[str]:
    """Relative paths of all files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
