"""Stores that differ in the number of examples, and in nothing else that a revocation or a sweep costs."""

from pathlib import Path

from benchmarks.filled_store import filled_store


def keyring_bytes(folder: Path) -> int:
    (keyring,) = folder.rglob("keyring")
    return keyring.stat().st_size


def test_there_are_as_many_keys_however_many_examples(tmp_path: Path) -> None:
    types = ("power", "day", "network")
    with filled_store(tmp_path / "few", 1_000, types), filled_store(tmp_path / "many", 60_000, types):
        assert keyring_bytes(tmp_path / "few") == keyring_bytes(tmp_path / "many")
