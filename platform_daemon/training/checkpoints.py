"""Checkpoints of suspended runs: sealed files, one for each run.

A checkpoint holds what a model has learnt from its user's examples, so it is sealed like them: destroying its key
deletes it.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from insitu.v1.trainer_pb2 import Checkpoint


class Sealer(Protocol):
    """Seals what an enclave owns, each under a key of its name, which can be destroyed."""

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes: ...

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes:
        """Raises when the key is gone or the bytes were changed."""
        ...

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int: ...


class RunKey(NamedTuple):
    """Names a run's checkpoint."""

    enclave: int
    run: int

    @property
    def seal_name(self) -> str:
        return f"checkpoint/{self.run}"


class CheckpointFolder:
    """One writer for each run at a time."""

    def __init__(self, folder: Path, sealer: Sealer, damaged: type[Exception] | tuple[type[Exception], ...]) -> None:
        """`damaged` is what the sealer raises for bytes that it cannot open."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._sealer = sealer
        self._damaged = damaged

    def save(self, key: RunKey, checkpoint: Checkpoint) -> None:
        """Replace the run's checkpoint: after a crash there is the old or the new one."""
        sealed = self._sealer.seal(key.enclave, key.seal_name, checkpoint.SerializeToString())
        path = self._path(key)
        fresh = path.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, key: RunKey) -> Checkpoint | None:
        """The checkpoint, or None where there is none that can be read: then the run starts afresh."""
        try:
            sealed = self._path(key).read_bytes()
            return Checkpoint.FromString(self._sealer.open(key.enclave, key.seal_name, sealed))
        except FileNotFoundError:
            return None
        except self._damaged:
            self.delete(key)
            return None

    def exists(self, key: RunKey) -> bool:
        return self._path(key).exists()

    def delete(self, key: RunKey) -> None:
        """Unreadable on return. Repeatable."""
        self._sealer.destroy_named(key.enclave, [key.seal_name])
        self._path(key).unlink(missing_ok=True)
        self._path(key).with_suffix(".new").unlink(missing_ok=True)

    def keep_only(self, keys: set[RunKey]) -> None:
        """Delete what a crash left behind."""
        kept = {self._path(key).name for key in keys}
        for path in self._folder.iterdir():
            if path.name in kept:
                continue
            enclave, _, run = path.stem.partition("-")
            if path.suffix == ".checkpoint" and enclave.isdigit() and run.isdigit():
                self._sealer.destroy_named(int(enclave), [RunKey(int(enclave), int(run)).seal_name])
            path.unlink()

    def _path(self, key: RunKey) -> Path:
        return self._folder / f"{key.enclave}-{key.run}.checkpoint"
