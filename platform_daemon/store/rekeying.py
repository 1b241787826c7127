"""What stays after an erasure, sealed anew: its old keys go, and with them all that was to go.

Shortening a time to live moves examples into buckets that end earlier, with the context they share. Narrowing a
permission keeps some features of a context type. Both first make the new keys, in one durable write, then rewrite
record after record, and destroy the old keys last; until then either key opens what it sealed. Repeating either is
harmless.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from platform_daemon.logs import LogEvent, marked
from platform_daemon.store import layout
from platform_daemon.store.collection import Collection, Room
from platform_daemon.store.database import PORTION_RECORDS, WriteBatch
from platform_daemon.store.erasing import drop_parts_of
from platform_daemon.store.features import keep_only
from platform_daemon.store.layout import CONTEXT_HEADER, EXAMPLE_HEADER, FORMAT, Run
from platform_daemon.store.scope import RECORDS, Kind, Scope, Selector
from platform_daemon.store.sealing import Forged, seal, unseal
from platform_daemon.store.store import ContextPart
from platform_daemon.store.store_time import Moment

log = logging.getLogger(__name__)


def narrow(room: Room, enclave: int, context_type: str, keep_features: frozenset[str], moment: Moment) -> None:
    """Keep only these features of a context type, in all collections of the enclave."""
    old = room.keyring.select(
        Selector(kinds=frozenset({Kind.CONTEXT}), enclave=enclave, parts=frozenset({context_type}))
    )
    new = {key_id: _moved(scope, moment.key_shift_ms(key_id)) for key_id, scope in old.items()}
    room.keyring.renew(new.values())
    for key_id, scope in new.items():
        prefix = layout.by_key_prefix(key_id)
        for write, entry in room.database.in_portions(room.database.keys(prefix, layout.after(prefix))):
            _narrow_part(room, write, entry, scope, keep_features)
    room.keyring.destroy(Selector(ids=frozenset(old)))
    drop_parts_of(room, old)


def _narrow_part(room: Room, write: WriteBatch, entry: bytes, scope: Scope, keep_features: frozenset[str]) -> None:
    key_id, record = layout.indexed(entry)
    value = room.database.get(record)
    part = None if value is None else _open_part(room, record, value, key_id)
    if value is None or part is None:
        return
    kept = keep_only(part.features, keep_features)
    write.delete(entry)
    if not kept:
        write.delete(record)
        return
    (key,) = room.keyring.sealing_keys([scope])
    _, account, _, lifetime_ms = CONTEXT_HEADER.unpack_from(value)
    header = CONTEXT_HEADER.pack(FORMAT, account, key.id, lifetime_ms)
    write.put(record, seal(key.cipher, record, header, room.random(layout.NONCE_BYTES), kept))
    write.put(layout.by_key(key.id, record), b"")


def shorten(collection: Collection, ttl_ms: int, moment: Moment, *, repeated: bool) -> None:
    """Bring expiries forward to `ttl_ms` after storage where they are later. `repeated` when an earlier try may have
    left keys that it replaced."""
    longer = (run.expiry_ms - run.added_ms > ttl_ms for run in collection.living(moment))
    if not repeated and not any(longer):
        return
    room = collection.room
    place = Selector(kinds=RECORDS, enclave=collection.enclave, collection=collection.collection)
    old = room.keyring.select(place)
    collection.snapshots.clear()
    _Shortening(collection, ttl_ms, moment).rewrite()
    room.keyring.destroy(Selector(ids=frozenset(old)))
    drop_parts_of(room, old)
    collection.reload(collection.ledger)


@dataclass(slots=True)
class _Shortening:
    """One pass over a collection in the order of sequence, since snapshots are numbered by it. Entries that are
    hidden by then are deleted on the way. What is of an earlier era moves into the present one, with its times."""

    collection: Collection
    ttl_ms: int
    moment: Moment
    parts: dict[int, list[ContextPart]] = field(default_factory=dict)
    """The open context of the old snapshot that was met last."""
    shared: dict[int, tuple[int, tuple[int, ...], int]] = field(default_factory=dict)
    """By account: old snapshot, keys, and the new snapshot that stands for both."""

    def rewrite(self) -> None:
        """Seal everything under keys made for this pass."""
        self.collection.room.keyring.renew({scope for run in self._runs() for scope in self._scopes(run)})
        self.parts.clear()
        database = self.collection.room.database
        write, records = database.batch(), 0
        gone: list[Run] = []
        for run in self._runs():
            if self._is_over(run):
                self.collection.delete_run(write, run)
                gone.append(run)
            else:
                self._rewrite_run(write, run)
            records += run.examples
            if records >= PORTION_RECORDS:
                self._commit(write, gone)
                write, records, gone = database.batch(), 0, []
        self._commit(write, gone)

    def _commit(self, write: WriteBatch, gone: list[Run]) -> None:
        ledger = self.collection.after_runs(self.collection.ledger, gone)
        self.collection.put_ledger(write, ledger)
        write.write()
        self.collection.book(ledger)

    def _runs(self) -> Iterator[Run]:
        """The runs by sequence."""
        collection = self.collection
        sequence = collection.ledger.lowest_sequence
        stop = layout.example_key(collection.enclave, collection.collection, collection.ledger.next_sequence)
        while True:
            start = layout.example_key(collection.enclave, collection.collection, sequence)
            front = next(iter(collection.room.database.items(start, stop)), None)
            if front is None:
                return
            run = collection.run_at(*front)
            sequence = run.end
            yield run

    def _expiry_ms(self, run: Run) -> int:
        return min(run.expiry_ms, run.added_ms + self.ttl_ms)

    def _is_over(self, run: Run) -> bool:
        return self._expiry_ms(run) <= self.moment.hidden_ms(self.collection.key_of(run))

    def _scopes(self, run: Run) -> list[Scope]:
        """The scopes of the run's app part and of each of its context parts."""
        if self._is_over(run):
            return []
        parts = self._parts_of(run)
        shift_ms = self.moment.key_shift_ms(self.collection.key_of(run))
        return self.collection.scopes(run.account, parts, run.added_ms + shift_ms, self._expiry_ms(run) + shift_ms)

    def _snapshot_of(self, run: Run) -> int:
        key = layout.example_key(self.collection.enclave, self.collection.collection, run.first)
        value = self.collection.room.database.get(key)
        return 0 if value is None else int(EXAMPLE_HEADER.unpack_from(value)[-1])

    def _parts_of(self, run: Run) -> list[ContextPart]:
        """What is not hidden of its context: its time in a new era must not bring back what a jump had hidden."""
        age_ms = self.moment.hidden_ms(self.collection.key_of(run)) - run.added_ms
        parts = self._parts(self._snapshot_of(run))
        return [part for part in parts if part.ttl_ms is None or age_ms < part.ttl_ms]

    def _parts(self, snapshot: int) -> list[ContextPart]:
        if snapshot == 0:
            return []
        if snapshot not in self.parts:
            self.parts.clear()
            self.parts[snapshot] = self._read_parts(snapshot)
        return self.parts[snapshot]

    def _read_parts(self, snapshot: int) -> list[ContextPart]:
        room = self.collection.room
        prefix = layout.context_prefix(self.collection.enclave, self.collection.collection, snapshot)
        items = room.database.items(prefix, layout.after(prefix))
        return [part for key, value in items if (part := _open_part(room, key, value))]

    def _rewrite_run(self, write: WriteBatch, run: Run) -> None:
        collection, room = self.collection, self.collection.room
        old_snapshot = self._snapshot_of(run)
        app, *keys = room.keyring.sealing_keys(self._scopes(run), run.examples)
        key_ids = (app.id, *(key.id for key in keys))
        known = self.shared.get(run.account)
        if known is not None and known[:2] == (old_snapshot, key_ids):
            snapshot = known[2]
        else:
            snapshot = run.first if keys else 0
            for key, part in zip(keys, self._parts_of(run), strict=True):
                collection.put_context(write, key, run.account, snapshot, part)
            self.shared[run.account] = (old_snapshot, key_ids, snapshot)
        shift_ms = self.moment.shift_ms(collection.key_of(run))
        added_ms, expiry_ms = run.added_ms + shift_ms, self._expiry_ms(run) + shift_ms
        header = EXAMPLE_HEADER.pack(FORMAT, run.account, app.id, added_ms, expiry_ms, snapshot)
        start = layout.example_key(collection.enclave, collection.collection, run.first)
        stop = layout.example_key(collection.enclave, collection.collection, run.end)
        for record, value in room.database.items(start, stop):
            cipher = room.keyring.cipher(EXAMPLE_HEADER.unpack_from(value)[2])
            if cipher is None:
                continue
            try:
                example = unseal(cipher, record, value, EXAMPLE_HEADER.size)
            except Forged:
                # It stays under its old key, which goes: what was forged must not be sealed as if it were genuine.
                fields = marked(LogEvent.RECORD_QUARANTINED, record=record.hex())
                log.error("record %s failed authentication and is given up", record.hex(), extra=fields)
                continue
            write.put(record, seal(app.cipher, record, header, room.random(layout.NONCE_BYTES), example))
        write.delete(layout.run_key(collection.enclave, collection.collection, run.expiry_ms, run.first))
        collection.put_run(write, run._replace(added_ms=added_ms, expiry_ms=expiry_ms))


def _moved(scope: Scope, shift_ms: int) -> Scope:
    return scope._replace(bucket_end_ms=scope.bucket_end_ms + shift_ms)


def _open_part(room: Room, record: bytes, value: bytes, key_id: int | None = None) -> ContextPart | None:
    """None where it was erased or forged, or is under another key than the one asked for."""
    _, _, sealed_by, lifetime_ms = CONTEXT_HEADER.unpack_from(value)
    cipher = room.keyring.cipher(sealed_by)
    if cipher is None or key_id not in (None, sealed_by):
        return None
    try:
        features = unseal(cipher, record, value, CONTEXT_HEADER.size)
    except Forged:
        return None
    return ContextPart(layout.context_of(record)[3], features, lifetime_ms or None)
