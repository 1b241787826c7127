"""How a batch goes into a collection of the LevelDB store: one write, all or nothing."""

import hashlib
from collections.abc import Sequence

from platform_daemon.store import layout
from platform_daemon.store.collection import Collection, Snapshot
from platform_daemon.store.database import WriteBatch
from platform_daemon.store.erasing import Evicted, evict
from platform_daemon.store.keyring import Key
from platform_daemon.store.layout import EXAMPLE_HEADER, FORMAT, Ledger, Run
from platform_daemon.store.quota import Usage
from platform_daemon.store.sealing import seal_examples
from platform_daemon.store.store import Added, Batch
from platform_daemon.store.store_time import Moment

RECEIPT_MS = 86_400_000
"""How long a batch's idempotency key is remembered, by confirmed time: no jump makes a repeated batch a new one."""

_ACCOUNTS_REMEMBERED = 64


def add(collection: Collection, batch: Batch, moment: Moment) -> Added:
    """With the enclave's lock held and inside the database's gate. Counters in memory change once the write is done."""
    database = collection.room.database
    receipt = _receipt_key(collection, batch.idempotency_key)
    if receipt and (known := database.get(receipt)):
        expiry_ms, first, count = layout.RECEIPT.unpack(known)
        if expiry_ms > moment.confirmed_ms:
            return Added(first, count, repeated=True)
    first, count = collection.ledger.next_sequence, len(batch.examples)
    write = database.batch()
    if receipt:
        until_ms = moment.confirmed_ms + RECEIPT_MS
        write.put(receipt, layout.RECEIPT.pack(until_ms, first, count))
        write.put(layout.receipt_expiry_key(until_ms, receipt), b"")
    if count:
        _store(collection, write, batch, moment)
    else:
        write.write()
    return Added(first, count)


def sealable(collection: Collection, batch: Batch, moment: Moment) -> bool:
    """Whether the keys for a batch of this moment are there, so that `add` makes none, which takes the disk's time."""
    expiry_ms = moment.now_ms + batch.retention.ttl_ms
    scopes = collection.scopes(batch.account, batch.context, moment.now_ms, expiry_ms)
    return collection.room.keyring.can_seal(scopes, len(batch.examples))


def _store(collection: Collection, write: WriteBatch, batch: Batch, moment: Moment) -> None:
    collection.settle(moment)
    limit = batch.retention.max_examples
    next_sequence = collection.ledger.next_sequence + len(batch.examples)
    # Of a batch beyond the limit only the last are stored; all get their numbers.
    kept = batch.examples[-limit:] if 0 < limit < len(batch.examples) else batch.examples
    expiry_ms = moment.now_ms + batch.retention.ttl_ms
    run = Run(expiry_ms, next_sequence - len(kept), batch.account, len(kept), sum(map(len, kept)), moment.now_ms)
    reserve = collection.room.reserve
    if reserve is not None:
        reserve.check(run.examples, run.size_bytes, moment.now_ms)
    surplus = collection.live + run.examples - limit if limit else 0
    evicted = evict(collection, write, surplus, moment)
    before = collection.ledger
    ledger = Ledger(
        next_sequence,
        evicted.lowest_sequence,
        before.examples - evicted.examples - evicted.expired + run.examples,
        before.size_bytes - evicted.size_bytes - evicted.expired_bytes + run.size_bytes,
    )
    _check_quota(collection, ledger, run, evicted, moment)
    snapshot = _seal(collection, write, batch, run, kept)
    collection.put_run(write, run)
    collection.put_ledger(write, ledger)
    write.write()
    collection.book(ledger)
    if len(collection.snapshots) >= _ACCOUNTS_REMEMBERED:
        collection.snapshots.clear()
    collection.snapshots[batch.account] = snapshot
    _count(collection, run, evicted, moment)
    collection.room.counts.add(added=run.examples, evicted=evicted.examples, expired=evicted.expired)


def _check_quota(collection: Collection, ledger: Ledger, run: Run, evicted: Evicted, moment: Moment) -> None:
    """What is stored, living or not, is a sum at hand. Only an app near its limits has to be looked at closely."""
    quota, holdings, before = collection.room.quota, collection.holdings, collection.ledger
    examples = holdings.examples - before.examples + ledger.examples
    size_bytes = holdings.size_bytes - before.size_bytes + ledger.size_bytes
    if examples > quota.examples or size_bytes > quota.size_bytes:
        living = holdings.living(moment)
        after = Usage(
            living.examples - evicted.examples + run.examples, living.size_bytes - evicted.size_bytes + run.size_bytes
        )
        quota.check(living, after)


def _seal(collection: Collection, write: WriteBatch, batch: Batch, run: Run, examples: Sequence[bytes]) -> Snapshot:
    """Put the examples, and the snapshot of their context where it is not the last one again."""
    room = collection.room
    scopes = collection.scopes(batch.account, batch.context, run.added_ms, run.expiry_ms)
    app, *parts = room.keyring.sealing_keys(scopes, run.examples)
    snapshot = _snapshot(collection, write, batch, app, parts)
    header = EXAMPLE_HEADER.pack(FORMAT, run.account, app.id, run.added_ms, run.expiry_ms, snapshot.sequence)
    prefix = layout.example_prefix(collection.enclave, collection.collection)
    put = write.put
    for key, value in seal_examples(app.cipher, prefix, run.first, header, examples, room.random):
        put(key, value)
    return snapshot


def _snapshot(collection: Collection, write: WriteBatch, batch: Batch, app: Key, parts: Sequence[Key]) -> Snapshot:
    """Only entries with the same keys share one, so that it lives in the same bucket as all of them."""
    key_ids = (app.id, *(key.id for key in parts))
    context = tuple(batch.context)
    last = collection.snapshots.get(batch.account)
    if last is not None and last.key_ids == key_ids and last.context == context:
        return last
    if not context:
        return Snapshot(0, (), key_ids)
    snapshot = Snapshot(collection.ledger.next_sequence, context, key_ids)
    for key, part in zip(parts, context, strict=True):
        collection.put_context(write, key, batch.account, snapshot.sequence, part)
    return snapshot


def _count(collection: Collection, run: Run, evicted: Evicted, moment: Moment) -> None:
    collection.live += run.examples - evicted.examples
    collection.live_bytes += run.size_bytes - evicted.size_bytes
    collection.expects(run.expiry_ms, moment)
    if evicted.examples:
        collection.evicted = True
        collection.skips_evicted()


def _receipt_key(collection: Collection, idempotency_key: bytes) -> bytes:
    """A digest, since an app may put anything into the key. Empty where there is none."""
    if not idempotency_key:
        return b""
    digest = hashlib.blake2b(idempotency_key, digest_size=16).digest()
    return layout.receipt_key(collection.enclave, collection.collection, digest)
