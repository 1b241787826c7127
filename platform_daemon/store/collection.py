"""One collection of the LevelDB store: its ledger, its counts, and the records that others read and write through it.

Every method needs the enclave's lock and, but for the constructor, the database's gate (`leveldb.py`).

Counts are exact without counting. The ledger record holds how many examples are stored, expired or not, and changes in
the batch that changes the examples. From it, `settle` derives how many live at a given moment by walking the expiry
index from the moment it last stood at, back or forth: each expiry is walked over once, whatever is asked in between.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from platform_daemon.store import layout
from platform_daemon.store.counts import Counts
from platform_daemon.store.database import Database, WriteBatch
from platform_daemon.store.keyring import Key, Keyring
from platform_daemon.store.layout import EXAMPLE_HEADER, FORMAT, Ledger, Run
from platform_daemon.store.scope import NEVER_MS, Kind, Scope, bucket_end_ms
from platform_daemon.store.sealing import seal
from platform_daemon.store.store import ContextPart, Stats


@dataclass(frozen=True, slots=True)
class Room:
    """What the parts of the store share."""

    database: Database
    keyring: Keyring
    random: Callable[[int], bytes]
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The context last stored for an account, to be shared by entries that find it unchanged."""

    sequence: int
    context: tuple[ContextPart, ...]
    key_ids: tuple[int, ...]


@dataclass(slots=True)
class Collection:
    """Its ledger and what is derived from it."""

    room: Room
    enclave: int
    collection: int
    ledger: Ledger = field(default_factory=Ledger)
    live: int = 0
    live_bytes: int = 0
    next_expiry_ms: int = NEVER_MS
    """Of the earliest run that has not expired at `settled_ms`."""
    settled_ms: int = -1
    evicted: bool = True
    """Context parts may have lost the last entry that used them."""
    snapshots: dict[int, Snapshot] = field(default_factory=dict)

    def reload(self, ledger: Ledger) -> None:
        """Stand where nothing has expired; the next `settle` walks from there."""
        self.ledger = ledger
        self.live, self.live_bytes = ledger.examples, ledger.size_bytes
        self.settled_ms = -1
        self.next_expiry_ms = self.first_expiry(0)
        self.snapshots.clear()

    def settle(self, now_ms: int) -> None:
        """Make `live`, `live_bytes` and `next_expiry_ms` those of `now_ms`."""
        if now_ms < self.settled_ms:
            for run in self.runs(now_ms + 1, self.settled_ms + 1):
                self.live += run.examples
                self.live_bytes += run.size_bytes
            self.next_expiry_ms = self.first_expiry(now_ms + 1)
        elif now_ms >= self.next_expiry_ms:
            for run in self.runs(self.next_expiry_ms, now_ms + 1):
                self.live -= run.examples
                self.live_bytes -= run.size_bytes
            self.next_expiry_ms = self.first_expiry(now_ms + 1)
        self.settled_ms = now_ms

    def runs(self, from_ms: int, until_ms: int) -> Iterator[Run]:
        """The runs with an expiry from `from_ms` to before `until_ms`, earliest first, as of the first step."""
        start = layout.runs_from(self.enclave, self.collection, from_ms)
        stop = layout.runs_from(self.enclave, self.collection, until_ms)
        for key, value in self.room.database.items(start, stop):
            yield layout.run_of(key, value)

    def stats(self, now_ms: int) -> Stats:
        self.settle(now_ms)
        if not self.live:
            return Stats()
        return Stats(
            self.live,
            self.live_bytes,
            self._edge_added_ms(now_ms, reverse=False),
            self._edge_added_ms(now_ms, reverse=True),
            self.next_expiry_ms,
        )

    def delete_run(self, write: WriteBatch, run: Run) -> None:
        write.delete(layout.run_key(self.enclave, self.collection, run.expiry_ms, run.first))
        prefix = layout.example_prefix(self.enclave, self.collection)
        for sequence in range(run.first, run.end):
            write.delete(prefix + layout.SEQUENCE.pack(sequence))

    def put_run(self, write: WriteBatch, run: Run) -> None:
        write.put(
            layout.run_key(self.enclave, self.collection, run.expiry_ms, run.first),
            layout.RUN.pack(run.account, run.examples, run.size_bytes, run.added_ms),
        )

    def delete_from_run(self, write: WriteBatch, run: Run, sequence: int, size_bytes: int) -> None:
        """Take one entry out of the index: what is left of its run is up to two runs."""
        write.delete(layout.run_key(self.enclave, self.collection, run.expiry_ms, run.first))
        before = self.front_of(run, sequence - run.first)
        behind = run._replace(
            first=sequence + 1,
            examples=run.examples - before.examples - 1,
            size_bytes=run.size_bytes - before.size_bytes - size_bytes,
        )
        for left in (before, behind):
            if left.examples:
                self.put_run(write, left)

    def put_ledger(self, write: WriteBatch, ledger: Ledger) -> None:
        write.put(layout.ledger_key(self.enclave, self.collection), ledger.encode())

    def after_runs(self, ledger: Ledger, gone: Sequence[Run]) -> Ledger:
        """The ledger once these runs are deleted."""
        lowest = ledger.lowest_sequence
        for run in gone:
            if run.first == lowest:
                lowest = run.end
        left = ledger.examples - sum(run.examples for run in gone)
        size = ledger.size_bytes - sum(run.size_bytes for run in gone)
        return Ledger(ledger.next_sequence, lowest if left else ledger.next_sequence, left, size)

    def scopes(self, account: int, context: Sequence[ContextPart], added_ms: int, expiry_ms: int) -> list[Scope]:
        """Of the app's part, then of each context part."""
        scopes = [self._scope(Kind.EXAMPLE, account, "", added_ms, expiry_ms)]
        for part in context:
            ends_ms = expiry_ms if part.ttl_ms is None else min(expiry_ms, added_ms + part.ttl_ms)
            scopes.append(self._scope(Kind.CONTEXT, account, part.type, added_ms, ends_ms))
        return scopes

    def _scope(self, kind: Kind, account: int, part: str, added_ms: int, expiry_ms: int) -> Scope:
        return Scope(kind, self.enclave, account, self.collection, part, bucket_end_ms(added_ms, expiry_ms))

    def put_context(self, write: WriteBatch, key: Key, account: int, snapshot: int, part: ContextPart) -> None:
        record = layout.context_key(self.enclave, self.collection, snapshot, part.type)
        header = layout.CONTEXT_HEADER.pack(FORMAT, account, key.id, part.ttl_ms or 0)
        write.put(record, seal(key.cipher, record, header, self.room.random(layout.NONCE_BYTES), part.features))
        write.put(layout.by_key(key.id, record), b"")

    def run_at(self, key: bytes, value: bytes) -> Run:
        """The run that begins with the lowest entry of the collection."""
        _, account, _, added_ms, expiry_ms, _ = EXAMPLE_HEADER.unpack_from(value)
        first = layout.sequence_of(key)
        run_key = layout.run_key(self.enclave, self.collection, expiry_ms, first)
        found = self.room.database.get(run_key)
        if found is None:
            # Its run is lost or its header damaged: it makes way alone.
            return Run(expiry_ms, first, account, 1, len(value) - layout.EXAMPLE_OVERHEAD_BYTES, added_ms)
        return layout.run_of(run_key, found)

    def front_of(self, run: Run, count: int) -> Run:
        """The first `count` entries of a run, or all of it."""
        if count >= run.examples:
            return run
        start = layout.example_key(self.enclave, self.collection, run.first)
        stop = layout.example_key(self.enclave, self.collection, run.first + count)
        size = sum(len(value) - layout.EXAMPLE_OVERHEAD_BYTES for _, value in self.room.database.items(start, stop))
        return run._replace(examples=count, size_bytes=size)

    def first_expiry(self, from_ms: int) -> int:
        """Of the runs with an expiry from `from_ms` on; NEVER_MS where there is none. Give the latest `from_ms` that
        will do: LevelDB steps over all that was deleted after it."""
        start = layout.runs_from(self.enclave, self.collection, from_ms)
        stop = layout.after(layout.place_prefix(b"r", self.enclave, self.collection))
        first = next(iter(self.room.database.items(start, stop)), None)
        return NEVER_MS if first is None else layout.run_of(*first).expiry_ms

    def _edge_added_ms(self, now_ms: int, *, reverse: bool) -> int:
        """When the oldest living entry was added, or the newest."""
        start = layout.example_key(self.enclave, self.collection, self.ledger.lowest_sequence)
        stop = layout.example_key(self.enclave, self.collection, self.ledger.next_sequence)
        for _, value in self.room.database.items(start, stop, reverse=reverse):
            *_, added_ms, expiry_ms, _ = EXAMPLE_HEADER.unpack_from(value)
            if expiry_ms > now_ms:
                return int(added_ms)
        return 0
