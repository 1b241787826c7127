"""One collection of the LevelDB store: its ledger, its counts, and the records that others read and write through it.

Every method needs the enclave's lock and, but for the constructor, the database's gate (`leveldb.py`).

Counts are exact without counting. The ledger record holds how many examples are stored, expired or not, and changes in
the batch that changes the examples. From it, `settle` derives how many live at a given moment by walking the expiry
index on from where it stood: each expiry is walked over once, whatever is asked in between; for each era where the
clock has jumped (`timekeeping.py`), and anew when it jumps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from platform_daemon.store import layout
from platform_daemon.store.counts import Counts
from platform_daemon.store.database import Database, WriteBatch
from platform_daemon.store.keyring import Key, Keyring
from platform_daemon.store.layout import EXAMPLE_HEADER, FORMAT, Ledger, Run
from platform_daemon.store.quota import UNLIMITED, Quota, Usage
from platform_daemon.store.reserve import Reserve
from platform_daemon.store.scope import NEVER_MS, Kind, Scope, bucket_end_ms
from platform_daemon.store.sealing import seal
from platform_daemon.store.store import ContextPart, Stats
from platform_daemon.store.store_time import Moment, StoreTime


@dataclass(frozen=True, slots=True)
class Room:
    """What the parts of the store share."""

    database: Database
    keyring: Keyring
    random: Callable[[int], bytes]
    time: StoreTime
    counts: Counts = field(default_factory=Counts)
    quota: Quota = UNLIMITED
    reserve: Reserve | None = None
    """None where examples may fill the disk."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The context last stored for an account, to be shared by entries that find it unchanged."""

    sequence: int
    context: tuple[ContextPart, ...]
    key_ids: tuple[int, ...]


@dataclass(slots=True)
class Holdings:
    """What the collections of one enclave have stored together, living or not: never less than what lives."""

    examples: int = 0
    size_bytes: int = 0
    collections: list["Collection"] = field(default_factory=list)

    def living(self, moment: Moment) -> Usage:
        for collection in self.collections:
            collection.settle(moment)
        return Usage(sum(one.live for one in self.collections), sum(one.live_bytes for one in self.collections))


@dataclass(slots=True)
class Collection:
    """Its ledger and what is derived from it."""

    room: Room
    enclave: int
    collection: int
    holdings: Holdings
    ledger: Ledger = field(default_factory=Ledger)
    live: int = 0
    live_bytes: int = 0
    next_expiry_ms: dict[int, int] = field(default_factory=dict)
    """For each era, by its first key: of the earliest run, of whatever era, that has not been walked over for it."""
    turns: int = -1
    """When they were counted."""
    evicted: bool = True
    """Context parts may have lost the last entry that used them."""
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    removals: int = 0
    """Grows whenever examples are deleted."""
    lost: int = 0
    """Examples that were found missing, ever (`reckoning.py`)."""
    _scopes: tuple[Sequence[ContextPart], int, int, int, list[Scope]] | None = None
    """The last that were asked for, and for what."""

    def reload(self, ledger: Ledger) -> None:
        """Stand where nothing has expired; the next `settle` walks from there."""
        self.book(ledger)
        self.live, self.live_bytes = ledger.examples, ledger.size_bytes
        self.next_expiry_ms.clear()
        self.snapshots.clear()

    def settle(self, moment: Moment) -> None:
        """Make `live`, `live_bytes` and `next_expiry_ms` those of the moment."""
        if self.turns == moment.turns and moment.single and moment.now_ms < self.next_expiry_ms.get(moment.present, 0):
            return
        if self.turns != moment.turns:
            self.reload(self.ledger)
            self.turns = moment.turns
        for era, _, _ in moment.lines():
            until_ms = moment.hidden_ms(era)
            from_ms = self.next_expiry_ms.get(era, 0)
            if until_ms < from_ms:
                continue
            for run in self.runs(from_ms, until_ms + 1):
                if moment.single or moment.era_of(self.key_of(run)) == era:
                    self.live -= run.examples
                    self.live_bytes -= run.size_bytes
            self.next_expiry_ms[era] = self.first_expiry(until_ms + 1)

    def expects(self, expiry_ms: int, moment: Moment) -> None:
        """A run of the present era has been stored."""
        era = moment.present
        self.next_expiry_ms[era] = min(self.next_expiry_ms[era], expiry_ms)

    def skips_evicted(self) -> None:
        """What was to expire next may be gone."""
        for era, expiry_ms in self.next_expiry_ms.items():
            self.next_expiry_ms[era] = self.first_expiry(expiry_ms)

    def key_of(self, run: Run) -> int:
        """The id of the key that sealed a run's examples; 0 where they cannot tell."""
        value = self.room.database.get(layout.example_key(self.enclave, self.collection, run.first))
        return 0 if value is None else int(EXAMPLE_HEADER.unpack_from(value)[2])

    def hidden(self, run: Run, moment: Moment) -> bool:
        """Whether it is hidden at that moment."""
        return run.expiry_ms <= (moment.now_ms if moment.single else moment.hidden_ms(self.key_of(run)))

    def ended(self, run: Run, moment: Moment) -> bool:
        """Whether its expiry has passed by confirmed time."""
        return run.expiry_ms <= moment.ended_ms(0 if moment.single else self.key_of(run))

    def living(self, moment: Moment) -> Iterator[Run]:
        """The runs that are not hidden, earliest expiry first."""
        runs = self.runs(moment.now_ms + 1 if moment.single else 0, NEVER_MS)
        return (run for run in runs if moment.single or not self.hidden(run, moment))

    def book(self, ledger: Ledger) -> None:
        """The ledger has been written."""
        before, holdings = self.ledger, self.holdings
        holdings.examples += ledger.examples - before.examples
        holdings.size_bytes += ledger.size_bytes - before.size_bytes
        self.ledger = ledger

    def runs(self, from_ms: int, until_ms: int) -> Iterator[Run]:
        """The runs with an expiry from `from_ms` to before `until_ms`, earliest first, as of the first step."""
        start = layout.runs_from(self.enclave, self.collection, from_ms)
        stop = layout.runs_from(self.enclave, self.collection, until_ms)
        for key, value in self.room.database.items(start, stop):
            yield layout.run_of(key, value)

    def stats(self, moment: Moment) -> Stats:
        self.settle(moment)
        if not self.live:
            return Stats(lost=self.lost)
        return Stats(
            self.live,
            self.live_bytes,
            self._edge_added_ms(moment, reverse=False),
            self._edge_added_ms(moment, reverse=True),
            self.next_expiry_ms[moment.present] if moment.single else next(self.living(moment)).expiry_ms,
            self.lost,
        )

    def delete_run(self, write: WriteBatch, run: Run) -> None:
        self.removals += 1
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
        self.removals += 1
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
        left, size = max(0, left), max(0, size)  # runs of a ledger that was lost are not in this one
        return Ledger(ledger.next_sequence, lowest if left else ledger.next_sequence, left, size)

    def scopes(self, account: int, context: Sequence[ContextPart], added_ms: int, expiry_ms: int) -> list[Scope]:
        """Of the app's part, then of each context part. Asked twice of each batch: the last answer is remembered."""
        known = self._scopes
        if known is not None and known[0] is context and known[1:4] == (account, added_ms, expiry_ms):
            return known[4]
        scopes = [self._scope(Kind.EXAMPLE, account, "", added_ms, expiry_ms)]
        for part in context:
            ends_ms = expiry_ms if part.ttl_ms is None else min(expiry_ms, added_ms + part.ttl_ms)
            scopes.append(self._scope(Kind.CONTEXT, account, part.type, added_ms, ends_ms))
        self._scopes = (context, account, added_ms, expiry_ms, scopes)
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

    def _edge_added_ms(self, moment: Moment, *, reverse: bool) -> int:
        """When the oldest living entry was added, or the newest."""
        if reverse:
            # To go backwards, LevelDB first steps over all that was deleted behind, of other apps too.
            last = self.room.database.get(
                layout.example_key(self.enclave, self.collection, self.ledger.next_sequence - 1)
            )
            if last is not None:
                _, _, key_id, added_ms, expiry_ms, _ = EXAMPLE_HEADER.unpack_from(last)
                if expiry_ms > moment.hidden_ms(key_id):
                    return int(added_ms)
        start = layout.example_key(self.enclave, self.collection, self.ledger.lowest_sequence)
        stop = layout.example_key(self.enclave, self.collection, self.ledger.next_sequence)
        for _, value in self.room.database.items(start, stop, reverse=reverse):
            _, _, key_id, added_ms, expiry_ms, _ = EXAMPLE_HEADER.unpack_from(value)
            if expiry_ms > moment.hidden_ms(key_id):
                return int(added_ms)
        return 0
