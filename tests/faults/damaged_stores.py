"""K2: cut the log of an example store, and flip bits in its files. Either a prefix of what was stored is left, in whole
batches, or the damage is reported; nothing wrong is ever read.

In this process, on copies of one small store, in memory where the machine has a folder for that: five thousand faults
take seconds.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from context.clock import ManualClock
from platform_daemon.errors import DataLoss, FailedPrecondition
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Batch, ContextPart, Place, Retention, Scan, StoredExample
from tests.store.samples import features

_PLACE = Place(1, 1)
_TYPES = frozenset({"power", "network"})
_IN_MEMORY = Path("/dev/shm")
BATCHES = 50


@dataclass(frozen=True, slots=True)
class _Written:
    """What a batch held, as it must be read again."""

    examples: tuple[bytes, ...]
    context: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a damaged store gives."""

    reported: str
    """What it said of the damage; empty where it saw none."""
    entries: list[StoredExample]
    count: int
    """As its statistics have it."""


def cut_logs(count: int, seed: int) -> list[str]:
    """Cut the log at so many offsets; returns what was neither a prefix nor reported."""
    chance = random.Random(seed)
    with _prepared(chance, tables=False) as (folder, written):
        size = _log_of(folder).stat().st_size
        # Each offset once before any is tried again.
        offsets = [offset for _ in range(count // size + 1) for offset in chance.sample(range(size), size)][:count]
        wrong = []
        for offset in offsets:
            with _copied(folder) as damaged:
                with _log_of(damaged).open("r+b") as log:
                    log.truncate(offset)
                wrong += [f"log cut at {offset}: {line}" for line in _judged(damaged, written)]
        return wrong


def flip_bits(count: int, seed: int) -> list[str]:
    """Flip one to eight bits in so many files; returns what was neither sound nor reported."""
    chance = random.Random(seed)
    with _prepared(chance, tables=True) as (folder, written):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        wrong = []
        for number in range(count):
            chosen = files[number % len(files)].relative_to(folder)
            with _copied(folder) as damaged:
                data = bytearray((damaged / chosen).read_bytes())
                flipped = [(chance.randrange(len(data)), chance.randrange(8)) for _ in range(chance.randint(1, 8))]
                for at, bit in flipped:
                    data[at] ^= 1 << bit
                (damaged / chosen).write_bytes(data)
                wrong += [f"{chosen}, bits {flipped}: {line}" for line in _judged(damaged, written)]
        return wrong


@contextmanager
def _prepared(chance: random.Random, *, tables: bool) -> Iterator[tuple[Path, list[_Written]]]:
    """A closed store and what was written into it; all in one log, or also in tables."""
    in_memory = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="k2-", dir=in_memory) as base:
        folder = Path(base) / "store"
        store = LevelDBStore.open(folder, ManualClock())
        written = []
        for number in range(BATCHES):
            if tables and number in {BATCHES // 3, 2 * BATCHES // 3}:
                # What the log holds becomes a table when a database is opened.
                store.close()
                store = LevelDBStore.open(folder, ManualClock())
            batch = _batch(chance, number)
            store.add(batch)
            written.append(_Written(tuple(batch.examples), {part.type: part.features for part in batch.context}))
        store.close()
        yield folder, written


def _batch(chance: random.Random, number: int) -> Batch:
    examples = [b"%d/%d/" % (number, index) + chance.randbytes(40) for index in range(chance.randint(1, 4))]
    context = [ContextPart("power", features(level=str(number // 5)))]
    if number % 3:
        context.append(ContextPart("network", features(kind="wifi")))
    key = chance.randbytes(16) if number % 2 else b""
    return Batch(_PLACE, number % 2, examples, Retention(86_400_000), context, key)


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    copy = folder.with_name("damaged")
    shutil.copytree(folder, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def _log_of(folder: Path) -> Path:
    return max(folder.glob("examples/*.log"), key=lambda path: path.stat().st_size)


def _judged(damaged: Path, written: list[_Written]) -> list[str]:
    found = _found(damaged)
    wrong = list(_falsehoods(found.entries, written, forgiving=bool(found.reported)))
    if not found.reported:
        if found.count != len(found.entries):
            wrong.append(f"its statistics say {found.count}, it has {len(found.entries)}, and it reported nothing")
        sequences = [one.sequence for one in found.entries]
        ends = {0, *accumulate(len(batch.examples) for batch in written)}
        if sequences != list(range(1, len(sequences) + 1)) or len(sequences) not in ends:
            wrong.append(f"examples {sequences} are no prefix of whole batches, and it reported nothing")
    elif "backup" not in found.reported and "set aside" not in found.reported and "release" not in found.reported:
        wrong.append(f"it named no remedy: {found.reported}")
    return wrong


def _falsehoods(entries: list[StoredExample], written: list[_Written], *, forgiving: bool) -> Iterator[str]:
    """Entries that are not what was stored at their place; a reported loss excuses a missing context."""
    expected = [(example, batch.context) for batch in written for example in batch.examples]
    for one in entries:
        example, context = expected[one.sequence - 1] if one.sequence <= len(expected) else (b"nothing", {})
        if one.example != example:
            yield f"example {one.sequence} reads as {one.example!r}"
        read = dict(one.context)
        if read != context and not (forgiving and read.items() <= context.items()):
            yield f"the context of example {one.sequence} reads as {read!r}"


def _found(damaged: Path) -> _Found:
    try:
        store = LevelDBStore.open(damaged, ManualClock())
    except (DataLoss, FailedPrecondition) as error:
        return _Found(str(error), [], 0)
    reported = ""
    try:
        # Each attempt may set one forged record aside.
        for _ in range(4 * BATCHES):
            try:
                entries = list(store.scan(Scan(_PLACE, _TYPES, newest_first=False)))
                return _Found(reported, entries, store.stats(_PLACE).examples)
            except DataLoss as error:
                reported = str(error)
        return _Found(reported, [], 0)
    finally:
        store.close()
