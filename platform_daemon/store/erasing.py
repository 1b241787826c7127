"""What removes data from the LevelDB store: keys first, then records, then counts.

Functions of the room and the collections concerned; the caller holds the lock of their enclave and the database's gate.
A context part is found for deletion by the id of its destroyed key, so that revoking a type is one write of the keyring
however many examples there are, and the tidying (`drop_parts_of`) costs what was lost.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from platform_daemon.logs import LogEvent, marked
from platform_daemon.store import layout
from platform_daemon.store.collection import Collection, Room
from platform_daemon.store.database import PORTION_RECORDS, WriteBatch
from platform_daemon.store.layout import CONTEXT_HEADER, EXAMPLE_OVERHEAD_BYTES, Run
from platform_daemon.store.scope import NEVER_MS, RECORDS, Selector
from platform_daemon.store.store_time import Moment

log = logging.getLogger(__name__)


def clear(collection: Collection, account: int | None, moment: Moment) -> int:
    """Delete a collection's examples, or one account's; returns how many were alive."""
    room = collection.room
    destroyed = room.keyring.destroy(
        Selector(kinds=RECORDS, enclave=collection.enclave, collection=collection.collection, account=account)
    )
    living = delete_runs(collection, 0, NEVER_MS, lambda run: account in (None, run.account), moment)
    if account is None:
        for quarantined in layout.quarantined_prefixes(collection.enclave, collection.collection):
            room.database.delete_range(quarantined, layout.after(quarantined))
        loss = layout.loss_key(collection.enclave, collection.collection)
        room.database.delete_range(loss, loss + b"\0")
        collection.lost = 0
    drop_parts_of(room, destroyed)
    collection.reload(collection.ledger)
    return living


def delete_runs(
    collection: Collection, from_ms: int, until_ms: int, chosen: Callable[[Run], bool], moment: Moment
) -> int:
    """Delete the examples of chosen runs that expire in this range; returns how many were alive at that moment. The
    derived counts of the collection are stale afterwards, unless all of the runs had been settled as expired."""
    living = 0
    for runs in _grouped(filter(chosen, collection.runs(from_ms, until_ms))):
        write = collection.room.database.batch()
        for run in runs:
            collection.delete_run(write, run)
            living += 0 if collection.hidden(run, moment) else run.examples
        ledger = collection.after_runs(collection.ledger, runs)
        collection.put_ledger(write, ledger)
        write.write()
        collection.book(ledger)
    return living


def delete_ended(collection: Collection, moment: Moment) -> int:
    """Delete the examples whose time has passed, as far as that is confirmed; returns how many. The collection has been
    settled."""
    before = collection.ledger.examples
    if before > collection.live:
        latest_ms = max(ended_ms for _, _, ended_ms in moment.lines())
        delete_runs(collection, 0, latest_ms + 1, lambda run: collection.ended(run, moment), moment)
    return before - collection.ledger.examples


@dataclass(slots=True)
class Evicted:
    """What makes way for a batch."""

    lowest_sequence: int
    examples: int = 0
    size_bytes: int = 0
    expired: int = 0
    expired_bytes: int = 0
    """Expired entries met on the way, which go as well."""


def evict(collection: Collection, write: WriteBatch, surplus: int, moment: Moment) -> Evicted:
    """Delete the oldest `surplus` living entries, or all there are, and the expired before them. The run that the last
    of them is in keeps its end. The caller brings ledger and counts up to date."""
    evicted = Evicted(collection.ledger.lowest_sequence)
    enclave, number = collection.enclave, collection.collection
    stop = layout.example_key(enclave, number, collection.ledger.next_sequence)
    while evicted.examples < surplus:
        start = layout.example_key(enclave, number, evicted.lowest_sequence)
        front = next(iter(collection.room.database.items(start, stop)), None)
        if front is None:
            evicted.lowest_sequence = collection.ledger.next_sequence
            break
        run = collection.run_at(*front)
        hidden = collection.hidden(run, moment)
        taken = run if hidden else collection.front_of(run, surplus - evicted.examples)
        collection.delete_run(write, taken)
        evicted.lowest_sequence = taken.end
        if hidden:
            evicted.expired += run.examples
            evicted.expired_bytes += run.size_bytes
            continue
        evicted.examples += taken.examples
        evicted.size_bytes += taken.size_bytes
        if taken.examples < run.examples:
            left, size = run.examples - taken.examples, run.size_bytes - taken.size_bytes
            collection.put_run(write, run._replace(first=taken.end, examples=left, size_bytes=size))
    return evicted


def remove_enclave(room: Room, enclave: int) -> None:
    """Delete all that an enclave stored, its collections' ledgers and its sealed artifacts' keys included."""
    destroyed = room.keyring.destroy(Selector(enclave=enclave))
    drop_parts_of(room, destroyed)
    for table in (b"e", b"r", b"c", b"i", b"m", b"l", b"qe", b"qc"):
        prefix = layout.enclave_prefix(table, enclave)
        room.database.delete_range(prefix, layout.after(prefix))


def drop_parts_of(room: Room, key_ids: Iterable[int]) -> None:
    """Delete the context parts that these destroyed keys sealed, and their index."""
    database = room.database
    for key_id in key_ids:
        prefix = layout.by_key_prefix(key_id)
        for write, entry in database.in_portions(database.keys(prefix, layout.after(prefix))):
            _, record = layout.indexed(entry)
            value = database.get(record)
            # Under another key it has been sealed anew since, and stays.
            if value is not None and CONTEXT_HEADER.unpack_from(value)[2] == key_id:
                write.delete(record)
            write.delete(entry)


def drop_unused_parts(collection: Collection) -> None:
    """Delete the context parts that lost their last entry to eviction. An account's entries use its snapshots in order,
    so below the oldest entry only the last snapshot of each account can still be in use."""
    database = collection.room.database
    enclave, number = collection.enclave, collection.collection
    start = layout.example_key(enclave, number, collection.ledger.lowest_sequence)
    stop = layout.example_key(enclave, number, collection.ledger.next_sequence)
    oldest = next(iter(database.items(start, stop)), None)
    lowest = collection.ledger.next_sequence if oldest is None else layout.sequence_of(oldest[0])
    last: dict[int, tuple[int, list[tuple[bytes, int]]]] = {}
    write = database.batch()
    parts = database.items(layout.place_prefix(b"c", enclave, number), layout.context_prefix(enclave, number, lowest))
    for key, value in parts:
        _, account, key_id, _ = CONTEXT_HEADER.unpack_from(value)
        snapshot = layout.context_of(key)[2]
        previous, records = last.get(account, (snapshot, []))
        if previous != snapshot:
            for record, sealed_by in records:
                write.delete(record)
                write.delete(layout.by_key(sealed_by, record))
            records = []
        last[account] = (snapshot, [*records, (key, key_id)])
    write.write()
    collection.evicted = False


def quarantine(collection: Collection, key: bytes) -> None:
    """Set aside a record that failed authentication, and take it out of the counts."""
    fields = marked(LogEvent.RECORD_QUARANTINED, enclave=collection.enclave, record=key.hex())
    log.error("record %s failed authentication and is set aside", key.hex(), extra=fields)
    database = collection.room.database
    value = database.get(key)
    if value is None:
        return
    collection.room.counts.add(quarantined=1)
    write = database.batch()
    write.delete(key)
    write.put(b"q" + key, value)
    if not key.startswith(b"e"):
        write.write()
        return
    sequence = layout.sequence_of(key)
    ledger = collection.ledger
    # The record's own header may be what is damaged, so the run is found by its sequence.
    for run in collection.runs(0, NEVER_MS):
        if run.first <= sequence < run.end:
            size = max(0, len(value) - EXAMPLE_OVERHEAD_BYTES)
            collection.delete_from_run(write, run, sequence, size)
            ledger = ledger._replace(examples=ledger.examples - 1, size_bytes=ledger.size_bytes - size)
            collection.put_ledger(write, ledger)
    write.write()
    collection.reload(ledger)


def drop_quarantined(room: Room, enclave: int) -> None:
    """Delete what was set aside and could no longer be opened anyway."""
    write = room.database.batch()
    for table, header in ((b"qe", layout.EXAMPLE_HEADER), (b"qc", CONTEXT_HEADER)):
        prefix = layout.enclave_prefix(table, enclave)
        for key, value in room.database.items(prefix, layout.after(prefix)):
            if len(value) < header.size or room.keyring.cipher(header.unpack_from(value)[2]) is None:
                write.delete(key)
    write.write()


def _grouped(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """In portions for one write each."""
    group: list[Run] = []
    records = 0
    for run in runs:
        group.append(run)
        records += run.examples
        if records >= PORTION_RECORDS:
            yield group
            group, records = [], 0
    if group:
        yield group
