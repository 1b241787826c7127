"""LevelDB as plyvel gives it, and the disk."""

import itertools
import os
from contextlib import closing
from pathlib import Path

import plyvel

from benchmarks.floors.floor import Floor, microseconds, per_second
from benchmarks.lab import Effort

_VALUE_BYTES = 512
_BATCH = 1000


def storing(folder: Path, effort: Effort) -> list[Floor]:
    value = os.urandom(_VALUE_BYTES)
    keys = (number.to_bytes(8) for number in itertools.count())
    with (
        closing(plyvel.DB(str(folder / "leveldb"), create_if_missing=True, compression=None)) as database,
        (folder / "synced").open("wb", buffering=0) as file,
    ):

        def batch() -> None:
            with database.write_batch() as puts:
                for _ in range(_BATCH):
                    puts.put(next(keys), value)

        def put(sync: bool = False) -> None:
            database.put(next(keys), value, sync=sync)

        def append() -> None:
            file.write(value)
            os.fsync(file.fileno())

        return [
            per_second("plyvel: puts of 512 bytes, 1,000 in a batch", batch, 20, _BATCH, effort),
            per_second("plyvel: puts of 512 bytes, one at a time", put, 20_000, 1, effort),
            microseconds("plyvel: a put of 512 bytes, synced", lambda: put(sync=True), 200, effort),
            microseconds("512 bytes appended to a file, and fsync", append, 200, effort),
        ]  # fmt: skip
