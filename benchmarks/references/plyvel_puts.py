"""Batched puts of examples into a bare LevelDB: `FOLDER EXAMPLES COUNT`. Reports examples a second."""

import struct
import sys
import time
from pathlib import Path

import plyvel

from benchmarks.references.answering import answer
from insitu.v1.collection_pb2 import AddRequest

BATCH = 1000
_KEY = struct.Struct(">cIIQ")


def main(folder: str, examples: str, count: str) -> None:
    request = AddRequest.FromString(Path(examples).read_bytes())
    values = [example.SerializeToString() for example in request.examples]
    database = plyvel.DB(folder, create_if_missing=True, compression=None, write_buffer_size=8 << 20)
    stored = 0

    def measure() -> dict[str, float]:
        nonlocal stored
        left = int(count)
        started_s = time.perf_counter()
        while left:
            with database.write_batch() as batch:
                for value in values[: min(BATCH, left)]:
                    stored += 1
                    left -= 1
                    batch.put(_KEY.pack(b"e", 1, 1, stored), value)
        return {"reference": int(count) / (time.perf_counter() - started_s)}

    answer(measure)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
