"""Checkpoints of suspended runs: sealed files, one for each run.

A checkpoint holds what a model has learnt from its user's examples, so it is sealed like them: destroying its key
deletes it.
"""

import os
from pathlib import Path
from typing import Protocol

from insitu.v1.trainer_pb2 import Checkpoint


class Sealer(Protocol):
    """Seals bytes under a key of their own, which can be destroyed."""

    def seal(self, scope: str, data: bytes) -> bytes: ...

    def open(self, scope: str, sealed: bytes) -> bytes:
        """Raises when the key is gone or the bytes were changed."""
        ...

    def destroy(self, scope: str) -> None: ...


class CheckpointFolder:
    """One writer for each run at a time."""

    def __init__(self, folder: Path, sealer: Sealer, damaged: type[Exception] | tuple[type[Exception], ...]) -> None:
        """`damaged` is what the sealer raises for bytes that it cannot open."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._sealer = sealer
        self._damaged = damaged

    def save(self, run: int, checkpoint: Checkpoint) -> None:
        """Replace the run's checkpoint: after a crash there is the old or the new one."""
        sealed = self._sealer.seal(_scope(run), checkpoint.SerializeToString())
        path = self._path(run)
        fresh = path.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, run: int) -> Checkpoint | None:
        """The checkpoint, or None where there is none that can be read: then the run starts afresh."""
        try:
            sealed = self._path(run).read_bytes()
            return Checkpoint.FromString(self._sealer.open(_scope(run), sealed))
        except FileNotFoundError:
            return None
        except self._damaged:
            self.delete(run)
            return None

    def exists(self, run: int) -> bool:
        return self._path(run).exists()

    def delete(self, run: int) -> None:
        """Unreadable on return. Repeatable."""
        self._sealer.destroy(_scope(run))
        self._path(run).unlink(missing_ok=True)
        self._path(run).with_suffix(".new").unlink(missing_ok=True)

    def keep_only(self, runs: set[int]) -> None:
        """Delete what a crash left behind."""
        for path in self._folder.iterdir():
            if not path.stem.isdigit() or int(path.stem) not in runs or path.suffix == ".new":
                if path.stem.isdigit() and int(path.stem) not in runs:
                    self._sealer.destroy(_scope(int(path.stem)))
                path.unlink()

    def _path(self, run: int) -> Path:
        return self._folder / f"{run}.checkpoint"


def _scope(run: int) -> str:
    return f"checkpoint/{run}"
