"""Run as `python -m tests.store.full_disk_drill FOLDER SEED` on a small file system: K3 for the store. Fill the disk
under four writers, make room, fill it again, and print a line for each thing that is not as it must be."""

import random
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from context.clock import SystemClock
from platform_daemon.errors import DaemonError, ResourceExhausted
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place
from tests.store.samples import POWER, add, read
from tests.store.small_disk import fill, make_room

FILLINGS = 4
WRITERS = 4
EXAMPLE_BYTES = 2000
ALLOWANCE = 200
"""Examples that a writer may store between two looks, so that what is stored does not fill the disk for good."""


class Writer(threading.Thread):
    """Adds to one collection until told to stop, and remembers what was acknowledged."""

    def __init__(self, store: LevelDBStore, place: Place, stop: threading.Event) -> None:
        super().__init__()
        self.store = store
        self.place = place
        self.stop = stop
        self.acknowledged: list[bytes] = []
        self.refusals = 0
        self.wrong: list[str] = []
        self.allowance = threading.Semaphore(0)
        self._number = 0

    def allow(self, examples: int = ALLOWANCE) -> None:
        self.allowance.release(examples)

    def run(self) -> None:
        chance = random.Random(str(self.place))
        while not self.stop.is_set():
            count = chance.choice((1, 1, 5, 40))
            if not self.allowance.acquire(timeout=0.02):
                continue
            batch = [f"{self.place} {self._number + i} ".encode().ljust(EXAMPLE_BYTES, b".") for i in range(count)]
            self._number += count
            try:
                add(self.store, *batch, place=self.place, context=[POWER])
                self.acknowledged += batch
                for _ in range(count - 1):
                    self.allowance.acquire(blocking=False)
            except ResourceExhausted as error:
                self.refusals += 1
                self.allowance.release()
                if error.reason != "DISK_FULL":
                    self.wrong.append(f"{error.reason}: {error}")
            except DaemonError as error:
                self.wrong.append(f"{type(error).__name__} {error.reason}: {error}")
            except Exception:  # noqa: BLE001 - a writer that dies must not look like a store that stores nothing
                self.wrong.append(f"{self.place} has died: {traceback.format_exc()}")
                return


def until(condition: Callable[[], bool], stop: threading.Event) -> bool:
    """Whether it came about within half a minute."""
    for _ in range(3000):
        if condition():
            return True
        stop.wait(0.01)
    return False


def drill(folder: Path, seed: int) -> list[str]:
    """What went wrong."""
    chance = random.Random(seed)
    store = LevelDBStore.open(folder / "store", SystemClock())
    stop = threading.Event()
    writers = [Writer(store, Place(1 + n % 2, n), stop) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    wrong: list[str] = []
    try:
        for number in range(FILLINGS):
            wrong += [f"filling {number}: {what}" for what in _fill_once(folder, store, writers, stop, chance)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    wrong += [what for writer in writers for what in writer.wrong]
    wrong += _compare(store, writers)
    store.close()
    store = LevelDBStore.open(folder / "store", SystemClock())
    wrong += [f"after a restart: {what}" for what in _compare(store, writers)]
    store.close()
    return wrong


def _fill_once(
    folder: Path, store: LevelDBStore, writers: list[Writer], stop: threading.Event, chance: random.Random
) -> list[str]:
    before = [len(writer.acknowledged) for writer in writers]
    for writer in writers:
        writer.allow()
    if not until(lambda: all(len(w.acknowledged) > b + 20 for w, b in zip(writers, before, strict=True)), stop):
        return [f"nothing is stored although there is room: {_outlook(store, writers, before)}"]
    refusals = [writer.refusals for writer in writers]
    fill(folder, spared_bytes=chance.choice((0, 5_000, 300_000)))

    def told() -> bool:
        waiting = [w for w, r in zip(writers, refusals, strict=True) if w.refusals == r]
        # LevelDB makes some room itself when it compacts.
        fill(folder)
        for writer in waiting:
            writer.allow(1)
        return not waiting

    wrong = [] if until(told, stop) else ["a full disk is not told"]
    place = writers[0].place
    if not next(iter(read(store, place)), None):
        wrong.append("nothing can be read while the disk is full")
    if number_refused := _refused(lambda: store.keyring.seal(9, f"name {chance.random()}", b"x" * 100)):
        wrong += [number_refused] if number_refused != "DISK_FULL" else []
    make_room(folder)
    return wrong


def _outlook(store: LevelDBStore, writers: list[Writer], before: list[int]) -> str:
    """What a look from outside shows of writers that do not get on."""
    threads = sys._current_frames()
    told = [f"failure {store._database.failure!r}, {store._database.log_bytes()} bytes of logs"]
    for writer, acknowledged in zip(writers, before, strict=True):
        stored = len(writer.acknowledged) - acknowledged
        frame = threads.get(writer.ident or 0)
        place = "".join(traceback.format_stack(frame)) if frame else "dead"
        told.append(f"{writer.place}: {stored} stored, {writer.refusals} refusals, now at\n{place}")
    return "\n".join(told)


def _refused(work: Callable[[], object]) -> str:
    try:
        work()
    except DaemonError as error:
        return error.reason
    return ""


def _compare(store: LevelDBStore, writers: list[Writer]) -> list[str]:
    wrong = []
    for writer in writers:
        there = [one.example for one in read(store, writer.place)]
        lost = set(writer.acknowledged) - set(there)
        if lost:
            wrong.append(f"{writer.place}: {len(lost)} of {len(writer.acknowledged)} acknowledged are lost")
        if len(there) != len(set(there)):
            wrong.append(f"{writer.place}: some are there twice")
        if store.stats(writer.place).examples != len(there):
            wrong.append(f"{writer.place}: {store.stats(writer.place).examples} counted, {len(there)} there")
    return wrong


if __name__ == "__main__":
    found = drill(Path(sys.argv[1]), int(sys.argv[2]))
    print("\n".join(found) or "as it must be")
