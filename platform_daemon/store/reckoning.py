"""Counters against what is there. Whatever deletes examples takes them out of the ledger in the same batch, so where
fewer are found than the ledger says, and nothing was deleted meanwhile, the rest was lost: by a disk, a repair, or a
file that somebody removed. LevelDB itself loses records without a word.

What was lost is told once, by DataLoss, and counted for good. The index and the ledger are then brought in line with
what there is, so that what is left goes on being served.

Every function needs the enclave's lock and the database's gate.
"""

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from platform_daemon.errors import DataLoss
from platform_daemon.logs import LogEvent, marked
from platform_daemon.store import layout
from platform_daemon.store.collection import Collection
from platform_daemon.store.database import Database, WriteBatch
from platform_daemon.store.layout import EXAMPLE_HEADER, EXAMPLE_OVERHEAD_BYTES, LOSS, Ledger, Run
from platform_daemon.store.scope import NEVER_MS

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Count:
    """Counting a collection in portions, so that others get their turn. What is added meanwhile lies behind its end;
    once something is deleted the count is void."""

    collection: Collection
    expected: int
    removals: int
    end: int
    """The sequence behind the last."""
    examples: int = 0
    indexed: int = 0
    """By the runs of the index."""
    _position: bytes = b""
    _counts_runs: bool = False
    finished: bool = False

    @classmethod
    def of(cls, collection: Collection) -> "Count":
        ledger = collection.ledger
        return cls(collection, ledger.examples, collection.removals, ledger.next_sequence)

    @property
    def void(self) -> bool:
        return self.collection.removals != self.removals

    @property
    def wrong(self) -> bool:
        """Meaningless while it is not finished, or once it is void."""
        return not self.examples == self.indexed == self.expected

    def go_on(self, records: int) -> None:
        """Count the next so many records, or what is left: the examples, then the runs."""
        if not self._counts_runs:
            stop = layout.example_key(self.collection.enclave, self.collection.collection, self.end)
            portion = self._portion(b"e", stop, records)
            self.examples += len(portion)
            self._counts_runs = len(portion) < records
        else:
            stop = layout.after(layout.place_prefix(b"r", self.collection.enclave, self.collection.collection))
            portion = self._portion(b"r", stop, records)
            # A run that was stored since the count began is not of it.
            runs = (layout.run_of(key, value) for key, value in portion)
            self.indexed += sum(run.examples for run in runs if run.first < self.end)
            self.finished = len(portion) < records

    def _portion(self, table: bytes, stop: bytes, records: int) -> list[tuple[bytes, bytes]]:
        place = layout.place_prefix(table, self.collection.enclave, self.collection.collection)
        start = max(self._position, place) if self._position[:1] == table else place
        portion = list(itertools.islice(self.collection.room.database.items(start, stop), records))
        if portion:
            self._position = portion[-1][0] + b"\0"
        return portion


def unfounded(collection: Collection) -> bool:
    """Whether two looks show that examples and ledger do not agree: one is behind the ledger's end, or none is left of
    those that it counts."""
    database, place = collection.room.database, (collection.enclave, collection.collection)
    start, stop = layout.example_prefix(*place), layout.after(layout.example_prefix(*place))
    behind = next(database.keys(layout.example_key(*place, collection.ledger.next_sequence), stop), None)
    return behind is not None or (bool(collection.ledger.examples) and next(database.keys(start, stop), None) is None)


def places_of(database: Database) -> Iterator[tuple[int, int]]:
    """Enclave and collection of all that holds examples, skipping from one to the next."""
    start = b"e"
    while (key := next(database.keys(start, layout.after(b"e")), None)) is not None:
        place = layout.place_of(key)
        yield place
        start = layout.after(layout.example_prefix(*place))


def settle_up(collection: Collection, now_ms: int) -> int:
    """Bring index and ledger in line with the examples there are; returns how many were lost, which is remembered."""
    database = collection.room.database
    write = database.batch()
    before = collection.ledger
    examples, size_bytes, lowest, last = 0, 0, 0, 0
    for stretch, sizes in _stretches(collection, write):
        _index(collection, write, stretch, sizes)
        examples += stretch.examples
        size_bytes += sum(sizes)
        lowest, last = lowest or stretch.first, stretch.end - 1
    _drop_stale_runs(collection, write)
    next_sequence = max(before.next_sequence, last + 1)
    ledger = Ledger(next_sequence, lowest or next_sequence, examples, size_bytes)
    collection.put_ledger(write, ledger)
    lost = max(0, before.examples - examples)
    if lost:
        key = layout.loss_key(collection.enclave, collection.collection)
        write.put(key, LOSS.pack(collection.lost + lost, now_ms))
        fields = marked(LogEvent.EXAMPLES_LOST, enclave=collection.enclave, examples=lost)
        log.error("%d examples of enclave %d were lost", lost, collection.enclave, extra=fields)
    write.write()
    collection.lost += lost
    collection.removals += 1
    collection.reload(ledger)
    return lost


def lost_error(lost: int) -> DataLoss:
    return DataLoss(
        f"{lost} stored examples were lost: repeat to read the rest, and check the device's disk",
        reason="EXAMPLES_LOST",
        detail=str(lost),
    )


def _stretches(collection: Collection, write: WriteBatch) -> Iterator[tuple[Run, list[int]]]:
    """Consecutive examples that could be one run, and the size of each. What is too short for an example goes."""
    run: Run | None = None
    sizes: list[int] = []
    prefix = layout.example_prefix(collection.enclave, collection.collection)
    for key, value in collection.room.database.items(prefix, layout.after(prefix)):
        if len(value) < EXAMPLE_OVERHEAD_BYTES:
            write.delete(key)
            write.put(b"q" + key, value)
            continue
        _, account, _, added_ms, expiry_ms, _ = EXAMPLE_HEADER.unpack_from(value)
        sequence, size = layout.sequence_of(key), len(value) - EXAMPLE_OVERHEAD_BYTES
        if run is None or (run.end, run.account, run.added_ms, run.expiry_ms) != (
            sequence,
            account,
            added_ms,
            expiry_ms,
        ):
            if run is not None:
                yield run, sizes
            run, sizes = Run(expiry_ms, sequence, account, 0, 0, added_ms), []
        run = run._replace(examples=run.examples + 1)
        sizes.append(size)
    if run is not None:
        yield run, sizes


def _index(collection: Collection, write: WriteBatch, stretch: Run, sizes: list[int]) -> None:
    """Keep the runs that lie in a stretch and fit, and fill the gaps between them."""
    first = stretch.first
    while first < stretch.end:
        end = _fitting_end(collection, stretch, sizes, first)
        if end is None:
            end = first + 1
            while end < stretch.end and _fitting_end(collection, stretch, sizes, end) is None:
                # One that begins here and does not fit would overlap with the one that is made.
                write.delete(layout.run_key(collection.enclave, collection.collection, stretch.expiry_ms, end))
                end += 1
            size = sum(sizes[first - stretch.first : end - stretch.first])
            collection.put_run(write, stretch._replace(first=first, examples=end - first, size_bytes=size))
        first = end


def _fitting_end(collection: Collection, stretch: Run, sizes: list[int], first: int) -> int | None:
    """The end of the stored run that begins here, if it says the truth."""
    key = layout.run_key(collection.enclave, collection.collection, stretch.expiry_ms, first)
    value = collection.room.database.get(key)
    if value is None:
        return None
    run = layout.run_of(key, value)
    size = sum(sizes[first - stretch.first : run.end - stretch.first])
    true = run == stretch._replace(first=first, examples=run.examples, size_bytes=size)
    return run.end if true and first < run.end <= stretch.end else None


def _drop_stale_runs(collection: Collection, write: WriteBatch) -> None:
    """Those whose first example is not there, or not theirs: `_index` has put others in their place."""
    for run in collection.runs(0, NEVER_MS):
        value = collection.room.database.get(layout.example_key(collection.enclave, collection.collection, run.first))
        if (
            value is None
            or len(value) < EXAMPLE_OVERHEAD_BYTES
            or EXAMPLE_HEADER.unpack_from(value)[4] != run.expiry_ms
        ):
            write.delete(layout.run_key(collection.enclave, collection.collection, run.expiry_ms, run.first))
