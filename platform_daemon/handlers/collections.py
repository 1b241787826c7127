"""The Collections service (collection.proto)."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from context import ContextRegistry
from insitu.v1 import collection_pb2 as pb
from insitu.v1.example_pb2 import Example
from platform_daemon.access import Permissions
from platform_daemon.errors import InvalidArgument, NotFound, PermissionDenied
from platform_daemon.fair_threads import FairThreads, InOrder
from platform_daemon.injection import Injection
from platform_daemon.state.collections import Collection, CollectionRepository, Wish
from platform_daemon.store.store import Added, Batch, Stats, Store
from platform_daemon.transport.calls import CallContext, Enclave, reads
from platform_daemon.write_rate import WriteRate

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_TTL_MS = 10 * 365 * 24 * 3600 * 1000
LONGEST_KEY_BYTES = 64
LONGEST_ACCOUNT = 256
_SHORTEST_EXAMPLE_BYTES = 5
"""Example, Features, and a map entry with at least one field: a tag and a length each, and something in the last."""

FEW_EXAMPLES = 8
MOST_EXAMPLES = 100_000
"""In one add. Empty ones cost two bytes each on the wire, and many times as much as soon as they are looked at."""
Stored = tuple[bool, Added]
"""Whether it has to be made durable, and what was added."""


class CollectionServicer:
    def __init__(
        self,
        store: Store,
        collections: CollectionRepository,
        threads: FairThreads,
        permissions: Permissions,
        injection: Injection,
        registry: ContextRegistry,
        rate: WriteRate,
    ) -> None:
        self._store = store
        self._collections = collections
        self._threads = threads
        self._permissions = permissions
        self._injection = injection
        self._registry = registry
        self._queued: Counter[int] = Counter()
        """Adds of each enclave that wait for a thread, or are on one."""
        self._rate = rate

    async def configure(
        self, request: pb.ConfigureCollectionRequest, context: CallContext
    ) -> pb.ConfigureCollectionResponse:
        enclave, name, options = context.enclave.number, request.collection, request.options
        check_name(name, "collection")
        ttl_ms = self._ttl(options.time_to_live, "options.time_to_live") if options.HasField("time_to_live") else None
        wishes = tuple(self._wish(wish) for wish in options.context.wishes) if options.HasField("context") else None
        max_examples = options.max_examples if options.HasField("max_examples") else None
        if max_examples is not None and max_examples < 0:
            raise InvalidArgument("must not be negative; 0 means no limit", field="options.max_examples")
        durable = options.durable if options.HasField("durable") else None
        after = await self._threads.run(
            enclave, lambda: self._configure(enclave, name, ttl_ms, max_examples, wishes, durable)
        )
        if durable:
            # What the collection has already, too.
            await asyncio.wrap_future(self._store.sync())
        return pb.ConfigureCollectionResponse(options=_options(after))

    @reads(pb.SerializedAddRequest)
    async def add(self, request: pb.SerializedAddRequest, context: CallContext) -> pb.AddResponse:
        enclave = context.enclave
        self._check_consent(enclave)
        self._find(enclave, request.collection)
        if len(request.idempotency_key) > LONGEST_KEY_BYTES:
            raise InvalidArgument(f"must have at most {LONGEST_KEY_BYTES} bytes", field="idempotency_key")
        if len(request.account) > LONGEST_ACCOUNT:
            raise InvalidArgument(f"must have at most {LONGEST_ACCOUNT} characters", field="account")
        if len(request.examples) > MOST_EXAMPLES:
            raise InvalidArgument(
                f"there are {len(request.examples)}; send at most {MOST_EXAMPLES} at a time", field="examples"
            )
        self._rate.admit(enclave.number, len(request.examples))
        stored = self._store_at_once(enclave, request)
        durable, added = stored if stored is not None else await self._store_in_turn(enclave, request)
        if durable:
            # Neither on a thread nor inside the gate: others add meanwhile, and share the wait for the disk.
            await asyncio.wrap_future(self._store.sync())
        return pb.AddResponse(count=added.count, repeated_request=added.repeated)

    async def stats(self, request: pb.CollectionStatsRequest, context: CallContext) -> pb.CollectionStats:
        enclave = context.enclave.number
        collection = self._find(context.enclave, request.collection)
        return await self._threads.run(enclave, self._stats_with_usage, collection)

    async def clear(self, request: pb.ClearRequest, context: CallContext) -> pb.ClearResponse:
        collection = self._find(context.enclave, request.collection)
        account: int | None = None
        if request.account:
            account = self._collections.account(context.enclave.number, request.account, create=False)
            if account is None:
                return pb.ClearResponse(count=0)
        count = await self._threads.run(context.enclave.number, self._store.clear, collection.place, account)
        return pb.ClearResponse(count=count)

    async def list(self, request: pb.ListCollectionsRequest, context: CallContext) -> pb.ListCollectionsResponse:
        enclave = context.enclave.number
        collections = self._collections.all(enclave)
        stats = await self._threads.run(enclave, lambda: [self._store.stats(one.place) for one in collections])
        usage = await self._threads.run(enclave, usage_message, self._store, enclave)
        return pb.ListCollectionsResponse(collections=map(stats_message, collections, stats), usage=usage)

    def _stats_with_usage(self, collection: Collection) -> pb.CollectionStats:
        message = stats_message(collection, self._store.stats(collection.place))
        message.usage.CopyFrom(usage_message(self._store, collection.place.enclave))
        return message

    def _configure(
        self,
        enclave: int,
        name: str,
        ttl_ms: int | None,
        max_examples: int | None,
        wishes: tuple[Wish, ...] | None,
        durable: bool | None,
    ) -> Collection:
        """Shortens what is stored before the options say so: a daemon that is killed in between is asked again, and
        finds the difference. Nothing is stored meanwhile with the options of before."""
        with self._injection.gate(enclave):
            before = self._collections.find(enclave, name)
            if before is not None and ttl_ms is not None and ttl_ms < before.ttl_ms:
                self._store.shorten(before.place, ttl_ms)
            return self._collections.configure(
                enclave, name, ttl_ms=ttl_ms, max_examples=max_examples, wishes=wishes, durable=durable
            )

    def _store_at_once(self, enclave: Enclave, request: pb.SerializedAddRequest) -> Stored | None:
        """A few examples, here on the event loop, where that waits for nothing: to wake a thread would cost several
        times as much as to store them. None where it might, or where others of the app are still in the queue."""
        if enclave.number in self._queued or len(request.examples) > FEW_EXAMPLES:
            return None
        gate = self._injection.gate(enclave.number)
        if not gate.acquire(blocking=False):
            return None
        try:
            account = self._collections.account(enclave.number, request.account, create=False)
            if account is None:
                return None
            collection, batch = self._batch(enclave, request, _checked(request), account)
            added = self._store.add_at_once(batch)
            return None if added is None else (collection.durable, added)
        finally:
            gate.release()

    async def _store_in_turn(self, enclave: Enclave, request: pb.SerializedAddRequest) -> Stored:
        """On a thread, behind what the app added before."""
        self._queued[enclave.number] += 1
        try:
            return await self._threads.run(InOrder(enclave.number), lambda: self._store_with_context(enclave, request))
        finally:
            self._queued[enclave.number] -= 1
            if not self._queued[enclave.number]:
                del self._queued[enclave.number]

    def _store_with_context(self, enclave: Enclave, request: pb.SerializedAddRequest) -> Stored:
        examples = _checked(request)
        with self._injection.gate(enclave.number):
            account = self._collections.account(enclave.number, request.account, create=True)
            assert account is not None
            collection, batch = self._batch(enclave, request, examples, account)
            return collection.durable, self._store.add(batch)

    def _batch(
        self, enclave: Enclave, request: pb.SerializedAddRequest, examples: Sequence[bytes], account: int
    ) -> tuple[Collection, Batch]:
        """With the gate held."""
        # Once more, where nothing can come between: the owner may have decided while the call waited its turn.
        self._check_consent(enclave)
        collection = self._find(enclave, request.collection)
        return collection, Batch(
            place=collection.place,
            account=account,
            examples=examples,
            retention=collection.retention,
            context=self._injection.for_storage(enclave, collection.wishes, request.account),
            idempotency_key=request.idempotency_key,
        )

    def _check_consent(self, enclave: Enclave) -> None:
        if not self._permissions.consented(enclave.package):
            raise PermissionDenied(
                f"the user has not consented to collection by {enclave.package}; they can run:"
                f" insitu consent give {enclave.package}",
                reason="NO_CONSENT",
            )

    def _find(self, enclave: Enclave, name: str) -> Collection:
        found = self._collections.find(enclave.number, name)
        if found is None:
            raise NotFound(f"there is no collection {name!r}; configure it first", field="collection")
        return found

    def _wish(self, wish: pb.ContextWish) -> Wish:
        if wish.type not in self._registry:
            known = ", ".join(spec.name for spec in self._registry)
            raise InvalidArgument(f"{wish.type!r} is none of {known}", field="options.context.wishes.type")
        field = "options.context.wishes.time_to_live"
        return Wish(wish.type, self._ttl(wish.time_to_live, field) if wish.HasField("time_to_live") else None)

    def _ttl(self, duration: Duration, field: str) -> int:
        ttl_ms = duration.ToMilliseconds()
        if not 1000 <= ttl_ms <= LONGEST_TTL_MS:
            raise InvalidArgument("must lie between 1 second and 10 years", field=field)
        return ttl_ms


def check_name(name: str, field: str) -> None:
    """Raise InvalidArgument unless it may name a collection or a session."""
    if not NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name[:80]!r} is no name; use up to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit",
            field=field,
        )


def stats_message(collection: Collection, stats: Stats) -> pb.CollectionStats:
    return pb.CollectionStats(
        collection=collection.name,
        examples=stats.examples,
        size_bytes=stats.size_bytes,
        oldest_ms=stats.oldest_ms,
        newest_ms=stats.newest_ms,
        next_expiry_ms=stats.next_expiry_ms,
        durable=collection.durable,
        lost_examples=stats.lost,
    )


def usage_message(store: Store, enclave: int) -> pb.StorageUsage:
    usage, quota = store.usage(enclave), store.quota
    return pb.StorageUsage(
        examples=usage.examples,
        max_examples=quota.examples,
        size_bytes=usage.size_bytes,
        max_bytes=quota.size_bytes,
    )


def _checked(request: pb.SerializedAddRequest) -> list[bytes]:
    """The examples, each of which can be read. Raises InvalidArgument with the number of the first that cannot."""
    if not request.examples:
        raise InvalidArgument("is empty; send at least one example", field="examples")
    examples = list(request.examples)
    # An example with one feature of one value has more bytes than these forms of nothing.
    if min(map(len, examples)) < _SHORTEST_EXAMPLE_BYTES:
        number = next(i for i, example in enumerate(examples) if len(example) < _SHORTEST_EXAMPLE_BYTES)
        raise InvalidArgument(f"number {number} has no feature", field="examples")
    try:
        # All in one go, which is three times as fast as one by one.
        pb.AddRequest.FromString(request.SerializeToString())
    except DecodeError:
        for number, example in enumerate(examples):
            _check_readable(number, example)
    return examples


def _check_readable(number: int, example: bytes) -> None:
    try:
        Example.FromString(example)
    except DecodeError as error:
        raise InvalidArgument(
            f"number {number} is no serialized insitu.v1.Example: {error}", field="examples", reason="MALFORMED"
        ) from error


def _options(collection: Collection) -> pb.CollectionOptions:
    options = pb.CollectionOptions(max_examples=collection.max_examples, durable=collection.durable)
    options.time_to_live.FromMilliseconds(collection.ttl_ms)
    options.context.SetInParent()
    for wish in collection.wishes:
        message = options.context.wishes.add(type=wish.type)
        if wish.ttl_ms is not None:
            message.time_to_live.FromMilliseconds(wish.ttl_ms)
    return options
