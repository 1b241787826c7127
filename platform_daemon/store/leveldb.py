"""The example store on disk: LevelDB for sealed records, a keyring beside it for the keys.

    folder.py      who holds the folder, and whether it is whole
    keyring.py     data keys; destroying them is what deletes        (master_key, scope, atomic_file)
    layout.py      records, byte by byte                             (sealing, database)
    collection.py  a collection's ledger and its counts
    adding.py      storing a batch
    scanning.py    reading
    erasing.py     clearing, evicting, sweeping                      (journal: erasures survive a crash half way)
    rekeying.py    shortening, narrowing                             (features)
    store_time.py  what is hidden, and what may go                   (timekeeping)
    reserve.py     what stays free on the disk
    renewal.py     another handle after a failed write
    reckoning.py   whether all is there that was stored
    group_sync.py  surviving a power cut, many writers at a time

Here is the order of things: each call passes the database's gate, so that closing can wait for it, then takes the
lock of its enclave, so that one tenant's erasure holds up no other. Locks nest in that order, and the keyring's own
comes last.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from context.clock import DeviceClock
from platform_daemon.errors import ResourceExhausted, Unavailable
from platform_daemon.store import erasing, layout, reckoning, rekeying
from platform_daemon.store.adding import add, sealable
from platform_daemon.store.atomic_file import Disk, LocalDisk
from platform_daemon.store.collection import Collection, Holdings, Room
from platform_daemon.store.counts import Tally
from platform_daemon.store.database import PORTION_RECORDS, Database
from platform_daemon.store.folder import StoreFolder
from platform_daemon.store.group_sync import GroupSync
from platform_daemon.store.journal import Clear, Erasure, Journal, Narrow, Remove, Shorten
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.master_key import MasterKey
from platform_daemon.store.pace import Pace
from platform_daemon.store.quota import UNLIMITED, Quota, Usage
from platform_daemon.store.reckoning import Count
from platform_daemon.store.records import RecordSnapshot
from platform_daemon.store.renewal import Renewal
from platform_daemon.store.reserve import Reserve
from platform_daemon.store.scanning import Scanner
from platform_daemon.store.scope import RECORDS, Kind, Scope, Selector
from platform_daemon.store.store import Added, Batch, Place, Scan, Stats, StoredExample, Swept
from platform_daemon.store.store_time import Moment, StoreTime


class LevelDBStore:
    """A `Store` in a folder. `keyring` also seals what an enclave keeps outside the database."""

    def __init__(
        self,
        folder: StoreFolder,
        database: Database,
        keyring: Keyring,
        clock: DeviceClock,
        random: Callable[[int], bytes],
        disk: Disk,
        quota: Quota,
        reserve: Reserve | None,
    ) -> None:
        """Private: use `open`."""
        self.keyring = keyring
        self._folder = folder
        self._database = database
        empty = not keyring.select(Selector())
        self.time = StoreTime.open(folder.path / "clock", clock, keyring.retire, disk, empty=empty)
        self._room = Room(database, keyring, random, self.time, quota=quota, reserve=reserve)
        self._renewal = Renewal(database, folder.path, disk, clock, self._recover)
        self._syncs = GroupSync(self._sync, clock.monotonic_s)
        self._clock = clock
        self._pace = Pace()
        self._journal = Journal(database)
        self._registry = threading.Lock()
        self._locks: dict[int, threading.RLock] = defaultdict(threading.RLock)
        self._collections: dict[tuple[int, int], Collection] = {}
        self._holdings: dict[int, Holdings] = defaultdict(Holdings)
        self._dead_keys: dict[int, set[int]] = defaultdict(set)
        self._owed: list[Erasure] = []
        """Begun while the database took no entry."""

    @classmethod
    def open(
        cls,
        folder: Path,
        clock: DeviceClock,
        random: Callable[[int], bytes] = os.urandom,
        *,
        master_key: Path | None = None,
        disk: Disk | None = None,
        quota: Quota = UNLIMITED,
        reserve_bytes: int = 0,
    ) -> "LevelDBStore":
        """Open the store in `folder`, or make one where there is nothing yet. `master_key` may live elsewhere.
        `reserve_bytes` of the disk are kept free of examples, fewer where the disk is small.

        Raises Unavailable when the folder is in use, FailedPrecondition when its format is unknown or the master key
        exposed, DataLoss when anything is missing or damaged."""
        disk = disk or LocalDisk()
        held = StoreFolder(folder, disk)
        try:
            key_path = master_key or held.master_key

            def make() -> None:
                exists = key_path.exists()
                master = MasterKey.load(key_path, random) if exists else MasterKey.provision(key_path, disk, random)
                Keyring.provision(held.keyring, master, disk=disk, random=random)
                Database.create(held.database)

            held.provision(make)
            keyring = Keyring.load(held.keyring, MasterKey.load(key_path, random), disk=disk, random=random)
            reserve = Reserve(folder, disk, reserve_bytes) if reserve_bytes else None
            store = cls(held, Database(held.database, disk), keyring, clock, random, disk, quota, reserve)
        except BaseException:
            held.release()
            raise
        try:
            store._recover()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def tally(self) -> Tally:
        """What this store has done since it was opened."""
        return self._room.counts.tally

    def add(self, batch: Batch) -> Added:
        place = batch.place
        self._renew()
        with self._database, self._lock(place.enclave):
            if self._journal.unfinished:
                self._finish(place.enclave)
            with self.time.held() as moment:
                added = add(self._collection(place.enclave, place.collection), batch, moment)
        self._pace.wrote(batch.size_bytes, 0.0, self._clock.monotonic_s())
        return added

    def add_at_once(self, batch: Batch) -> Added | None:
        began_s = self._clock.monotonic_s()
        gate = self._database.enter_at_once() if self._pace.calm(batch.size_bytes, began_s) else None
        if gate is None:
            return None
        with gate:
            lock = self._locks.get(batch.place.enclave)
            if lock is None or not lock.acquire(blocking=False):
                return None
            try:
                added = self._add_within(batch)
            finally:
                lock.release()
        if added is not None:
            self._pace.wrote(batch.size_bytes, self._clock.monotonic_s() - began_s, began_s)
        return added

    def _add_within(self, batch: Batch) -> Added | None:
        """With gate and lock passed: only there do collection, failure and journal stay what they are."""
        collection = self._known(batch.place)
        if collection is None or self._journal.unfinished:
            return None
        moment = self.time.hold_at_once()
        if moment is None:
            return None
        try:
            return add(collection, batch, moment) if sealable(collection, batch, moment) else None
        finally:
            self.time.let_go()

    def sync(self) -> "Future[None]":
        return self._syncs.join()

    def scan(self, scan: Scan) -> Iterator[StoredExample]:
        place = scan.place
        with self._hold(place.enclave):
            collection = self._known(place)
            count = None if collection is None else Count.of(collection)
            bounds = (
                (1, 1) if collection is None else (collection.ledger.lowest_sequence, collection.ledger.next_sequence)
            )
        if scan.up_to_sequence is not None:
            count = count if scan.up_to_sequence + 1 >= bounds[1] else None
            bounds = (bounds[0], min(bounds[1], scan.up_to_sequence + 1))
        hold, quarantine = partial(self._hold, place.enclave), partial(self._quarantine, place)
        ended = partial(self._compare, place, count)
        return Scanner(self._room, scan, self.time.now, hold, quarantine, bounds, ended).examples()

    def stats(self, place: Place) -> Stats:
        with self._hold(place.enclave):
            collection = self._known(place)
            return Stats() if collection is None else collection.stats(self.time.now())

    def reckon(self) -> int:
        """Count what every collection has; returns how many examples were found to be lost, which `Stats` tells from
        then on. Others get their turn in between; a collection from which something is deleted meanwhile is left for
        the next time."""
        with self._registry:
            places = [Place(*key) for key in self._collections]
        return sum(self._reckon(place) for place in places)

    @property
    def quota(self) -> Quota:
        return self._room.quota

    def usage(self, enclave: int) -> Usage:
        with self._hold(enclave):
            return self._holdings[enclave].living(self.time.now())

    def damaged(self, place: Place) -> int:
        with self._hold(place.enclave):
            prefixes = layout.quarantined_prefixes(place.enclave, place.collection)
            return sum(1 for prefix in prefixes for _ in self._database.keys(prefix, layout.after(prefix)))

    def shorten(self, place: Place, ttl_ms: int) -> None:
        self._erase(Shorten(place.enclave, place.collection, ttl_ms))

    def clear(self, place: Place, account: int | None = None) -> int:
        return self._erase(Clear(place.enclave, place.collection, account))

    def revoke(self, enclave: int, context_type: str, keep_features: frozenset[str] = frozenset()) -> None:
        if keep_features:
            self._erase(Narrow(enclave, context_type, tuple(sorted(keep_features))))
            return
        with self._hold(enclave):
            parts = frozenset({context_type})
            self._destroy(Selector(kinds=frozenset({Kind.CONTEXT}), enclave=enclave, parts=parts))

    def remove_enclave(self, enclave: int) -> None:
        self._erase(Remove(enclave))

    def sweep(self) -> Swept:
        self._renew()
        moment = self.time.now()
        with self._database:
            keys = sum(
                self._destroy(Selector(kinds=RECORDS, ended_by_ms=ended_ms, first_id=first, before_id=before))
                for first, before, ended_ms in moment.lines()
            )
        with self._registry:
            enclaves = {enclave for enclave, _ in self._collections} | set(self._dead_keys)
        examples = 0
        for enclave in enclaves:
            with self._hold(enclave):
                ended = self._sweep_enclave(enclave)
            if ended:
                self._give_back(enclave)
            examples += ended
        self._forget_receipts(moment.confirmed_ms)
        self.time.keep(lambda: self.keyring.select(Selector(kinds=RECORDS)))
        self._room.counts.add(expired=examples)
        return Swept(examples, keys)

    @contextmanager
    def frozen(self) -> Iterator[RecordSnapshot]:
        """The records as they are now. Inside, no erasure is half way: what else belongs to this moment, the keyring
        first, is to be read there, quickly, since writers wait. A key that is destroyed meanwhile has expired."""
        self._renew()
        with self._database, ExitStack() as held:
            with self._registry:
                enclaves = {enclave for enclave, _ in self._collections} | set(self._locks)
            for enclave in sorted(enclaves):
                held.enter_context(self._lock(enclave))
            yield self._database.snapshot()

    def unhide(self) -> None:
        self.time.unhide()

    def close(self) -> None:
        self._syncs.close()
        self._database.close()
        self.time.close()
        self.keyring.close()
        self._folder.release()

    def _sync(self) -> None:
        """A handle that failed may be one whose sync did: what the system gave up to write is in its memory only, and
        to sync again would seem to succeed. Opening again writes it anew."""
        self._renew()
        with self._database:
            self._database.sync()

    def _renew(self) -> None:
        """Outside the gate. Where it does not succeed reads may go on, and writes will be refused."""
        if self._database.failure is not None:
            self._renewal.attempt()

    def _lock(self, enclave: int) -> threading.RLock:
        if known := self._locks.get(enclave):
            return known
        with self._registry:
            return self._locks[enclave]

    @contextmanager
    def _hold(self, enclave: int) -> Iterator[None]:
        self._renew()
        with self._database, self._lock(enclave):
            yield

    def _known(self, place: Place) -> Collection | None:
        return self._collections.get((place.enclave, place.collection))

    def _collection(self, enclave: int, number: int) -> Collection:
        collection = self._collections.get((enclave, number))
        if collection is None:
            with self._registry:
                holdings = self._holdings[enclave]
                collection = Collection(self._room, enclave, number, holdings)
                holdings.collections.append(collection)
                self._collections[enclave, number] = collection
        return collection

    def _collections_of(self, enclave: int) -> list[Collection]:
        with self._registry:
            return [collection for collection in self._collections.values() if collection.enclave == enclave]

    def _destroy(self, selector: Selector) -> int:
        destroyed = self.keyring.destroy(selector)
        self._note_dead(destroyed)
        return len(destroyed)

    def _note_dead(self, keys: dict[int, Scope]) -> None:
        """Have the next sweep delete the context parts of these keys."""
        with self._registry:
            for key_id, scope in keys.items():
                if scope.kind is Kind.CONTEXT:
                    self._dead_keys[scope.enclave].add(key_id)

    def _erase(self, erasure: Erasure) -> int:
        try:
            return self._erase_entered(erasure)
        except (ResourceExhausted, Unavailable):
            self._destroy_at_least(erasure)
            raise

    def _destroy_at_least(self, erasure: Erasure) -> None:
        """Where the database takes no entry the keyring may still take one key less. What is left without a key is
        tidied when the handle is replaced."""
        match erasure:
            case Clear(enclave, number, account):
                self._destroy(Selector(kinds=RECORDS, enclave=enclave, collection=number, account=account))
            case Remove(enclave):
                self._destroy(Selector(enclave=enclave))
            case _:
                return
        with self._database:  # inside, a handle that takes no writes is not replaced, and nothing is added
            if self._database.failure is not None and erasure not in self._owed:
                self._owed.append(erasure)

    def _erase_entered(self, erasure: Erasure) -> int:
        with self._hold(erasure.enclave):
            self._finish(erasure.enclave)
            with self._journal.entered(erasure), self.time.held() as moment:
                deleted = self._carry_out(erasure, moment)
        self._give_back(erasure.enclave)
        return deleted

    def _give_back(self, enclave: int) -> None:
        """LevelDB frees what was deleted when much else has been written, which does not come about on a full disk."""
        reserve = self._room.reserve
        if reserve is None or not reserve.scarce():
            return
        with self._hold(enclave):
            ranges = [
                [layout.example_key(enclave, one.collection, sequence) for sequence in (0, one.ledger.lowest_sequence)]
                for one in self._collections_of(enclave)
            ]
        prefix = layout.enclave_prefix(b"e", enclave)
        with self._database:
            for start, stop in ranges or [[prefix, layout.after(prefix)]]:
                self._database.compact(start, stop)

    def _finish(self, enclave: int) -> None:
        """Carry out what failed half way, before anything comes in that it was not meant for."""
        for key, erasure in self._journal.unfinished_of(enclave):
            with self.time.held() as moment:
                self._carry_out(erasure, moment)
            self._journal.strike_out(key)

    def _carry_out(self, erasure: Erasure, moment: Moment) -> int:
        """With the enclave held. Returns how many living examples it deleted."""
        match erasure:
            case Clear(enclave, number, account):
                return erasing.clear(self._collection(enclave, number), account, moment)
            case Shorten(enclave, number, ttl_ms):
                # Done again, it has to look for replaced keys even where no expiry is left to bring forward.
                repeated = erasure in list(self._journal.unfinished.values())
                rekeying.shorten(self._collection(enclave, number), ttl_ms, moment, repeated=repeated)
            case Narrow(enclave, context_type, keep_features):
                rekeying.narrow(self._room, enclave, context_type, frozenset(keep_features), moment)
            case Remove(enclave):
                erasing.remove_enclave(self._room, enclave)
                with self._registry:
                    for key in [key for key in self._collections if key[0] == enclave]:
                        del self._collections[key]
                    self._holdings.pop(enclave, None)
        return 0

    def _reckon(self, place: Place) -> int:
        count: Count | None = None
        while count is None or not (count.finished or count.void):
            with self._hold(place.enclave):
                collection = self._known(place)
                if collection is None or (count is not None and count.collection is not collection):
                    return 0
                count = count or Count.of(collection)
                if not count.void:
                    count.go_on(PORTION_RECORDS)
                if count.finished and not count.void and count.wrong:
                    return reckoning.settle_up(collection, self.time.now().now_ms)
        return 0

    def _compare(self, place: Place, count: Count | None, met: int) -> None:
        """At the end of a scan. Raises DataLoss where examples are missing."""
        if count is None or met == count.expected:
            return
        with self._hold(place.enclave):
            if self._known(place) is not count.collection or count.void:
                return
            lost = reckoning.settle_up(count.collection, self.time.now().now_ms)
        if lost:
            raise reckoning.lost_error(lost)

    def _quarantine(self, place: Place, key: bytes) -> None:
        with self._hold(place.enclave):
            erasing.quarantine(self._collection(place.enclave, place.collection), key)

    def _sweep_enclave(self, enclave: int) -> int:
        moment = self.time.now()
        examples = 0
        for collection in self._collections_of(enclave):
            collection.settle(moment)
            examples += erasing.delete_ended(collection, moment)
            if collection.evicted:
                erasing.drop_unused_parts(collection)
        with self._registry:
            dead = self._dead_keys.pop(enclave, set())
        erasing.drop_parts_of(self._room, dead)
        erasing.drop_quarantined(self._room, enclave)
        return examples

    def _forget_receipts(self, confirmed_ms: int) -> None:
        with self._database:
            for key in self._database.keys(*layout.receipts_expired_by(confirmed_ms)):
                receipt = layout.expired_receipt(key)
                with self._lock(layout.enclave_of(receipt)):
                    known = self._database.get(receipt)
                    write = self._database.batch()
                    if known is not None and layout.RECEIPT.unpack(known)[0] <= confirmed_ms:
                        write.delete(receipt)
                    write.delete(key)
                    write.write()

    def _recover(self) -> None:
        """Read the ledgers, finish erasures that a killed process began, and find context parts without a key."""
        with self._database:
            with self._registry:
                self._collections.clear()
                self._holdings.clear()
            for key, value in self._database.items(b"m", layout.after(b"m")):
                enclave, number, ledger = layout.ledger_of(key, value)
                self._collection(enclave, number).reload(ledger)
            self._journal.load()
            for enclave in {erasure.enclave for erasure in self._journal.unfinished.values()}:
                self._finish(enclave)
            for erasure in self._owed:
                with self.time.held() as moment:
                    self._carry_out(erasure, moment)
            self._owed.clear()
            self._find_losses()
            self._find_dead_keys()

    def _find_losses(self) -> None:
        """What two looks into each collection show; `reckon` counts."""
        for key, value in self._database.items(b"l", layout.after(b"l")):
            self._collection(*layout.place_of(key)).lost = layout.LOSS.unpack(value)[0]
        for place in {*self._collections, *reckoning.places_of(self._database)}:
            collection = self._collection(*place)
            if reckoning.unfounded(collection):
                reckoning.settle_up(collection, self.time.now().now_ms)

    def _find_dead_keys(self) -> None:
        """Skip from key to key through the index, not from part to part."""
        start = b"k"
        while (entry := next(self._database.keys(start, layout.after(b"k")), None)) is not None:
            key_id, record = layout.indexed(entry)
            if self.keyring.cipher(key_id) is None:
                self._dead_keys[layout.enclave_of(record)].add(key_id)
            start = layout.after(layout.by_key_prefix(key_id))
