"""Run as `python -m tests.store.crash_writer FOLDER ENCLAVE`: store batches from four threads until killed, saying on
standard output what was acknowledged: collection, first sequence and count, a line each."""

import os
import sys
import threading
from pathlib import Path

from context.clock import SystemClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Batch, ContextPart, Place, Retention
from tests.store.samples import features

RETENTION = Retention(86_400_000)


def batch(enclave: int, collection: int, number: int) -> Batch:
    """The batch with this number: 1 to 40 examples that tell where they belong."""
    count = number * 7 % 40 + 1
    examples = [b"%d/%d/%d/%d/%d" % (enclave, collection, number, index, count) for index in range(count)]
    context = (ContextPart("power", features(level=str(number // 5))),)
    return Batch(Place(enclave, collection), 1, examples, RETENTION, context)


def write(store: LevelDBStore, enclave: int, collection: int) -> None:
    number = 0
    while True:
        added = store.add(batch(enclave, collection, number))
        # One system call for a line, so that a kill cannot cut it.
        os.write(1, b"%d %d %d\n" % (collection, added.first_sequence, added.count))
        number += 1


if __name__ == "__main__":
    opened = LevelDBStore.open(Path(sys.argv[1]), SystemClock())
    for thread_number in range(1, 5):
        threading.Thread(target=write, args=(opened, int(sys.argv[2]), thread_number)).start()
