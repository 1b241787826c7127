"""Commits version after version until it is killed; run by `test_kill`. Prints each number once it is committed."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from artifact_manager import Catalog, MutableArtifacts

ENCLAVE = 7
URI = "artifact:/words-session/params"


class FixedKeys:
    """Keys that follow from the name, so that two processes have the same."""

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes:
        return hashlib.sha256(name.encode() + plaintext).digest() + plaintext

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes:
        return sealed[32:]

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int:
        return 0


def open_artifacts(folder: Path) -> MutableArtifacts:
    return MutableArtifacts(folder / "mutable", Catalog(folder / "artifacts.db"), FixedKeys())


def main(folder: Path) -> None:
    from tests.artifacts.test_mutable import new

    artifacts = open_artifacts(folder)
    while True:
        start = artifacts.in_use(ENCLAVE, URI)
        parents = [start[0]] if start else []
        committed = artifacts.commit(ENCLAVE, URI, new(b"parameters" * 1000, *parents))
        print(committed.version, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
