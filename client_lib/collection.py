"""Collections: examples go in, and never come out again but to train the app's own models."""

import os
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from client_lib.batching import Batcher
from client_lib.connection import Connection, Started
from client_lib.encoding import Features
from client_lib.filling import check_iterable, check_text, expect, fill, to_duration, unfit
from client_lib.options import CollectionOptions, ContextWish
from client_lib.retry import RetryPolicy
from client_lib.serializing import serialize
from client_lib.tasks import Sender, Task, gather
from client_lib.transport import Method
from insitu.v1 import collection_pb2 as wire

CONFIGURE = Method("Collections", "Configure", wire.ConfigureCollectionRequest, wire.ConfigureCollectionResponse)
ADD = Method("Collections", "Add", wire.SerializedAddRequest, wire.AddResponse)
STATS = Method("Collections", "Stats", wire.CollectionStatsRequest, wire.CollectionStats)
CLEAR = Method("Collections", "Clear", wire.ClearRequest, wire.ClearResponse)
LIST = Method("Collections", "List", wire.ListCollectionsRequest, wire.ListCollectionsResponse)


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """What this app stores in all its collections, and may store. Live examples, sizes as the app gave them."""

    examples: int
    max_examples: int
    size_bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """Counts of live examples. Unix times in milliseconds; 0 where the collection is empty."""

    collection: str
    examples: int
    size_bytes: int
    oldest_ms: int
    newest_ms: int
    next_expiry_ms: int
    durable: bool = False
    lost_examples: int = 0
    """Acknowledged, and not there any more: the disk, or somebody, lost them."""
    usage: StorageUsage | None = None
    """None from a daemon of an earlier release."""

    @classmethod
    def from_wire(cls, message: wire.CollectionStats) -> "CollectionStats":
        usage = message.usage
        return cls(
            message.collection,
            message.examples,
            message.size_bytes,
            message.oldest_ms,
            message.newest_ms,
            message.next_expiry_ms,
            message.durable,
            message.lost_examples,
            StorageUsage(usage.examples, usage.max_examples, usage.size_bytes, usage.max_bytes)
            if message.HasField("usage")
            else None,
        )


class CollectionClient:
    """One collection of this app. Safe to use from several threads."""

    def __init__(self, connection: Connection, sender: Sender, name: str) -> None:
        self.name = name
        self._connection = connection
        self._sender = sender

    def add(self, example: Features, account: str | None = None) -> Task:
        """Store one example with the context of this moment. Returns at once; waiting for the task is optional.

        Raises InvalidArgument naming the feature that cannot be encoded. The task raises PermissionDenied (no
        consent), NotFound (never configured), ResourceExhausted (quota, disk), Unavailable.
        """
        return gather([self._send([serialize(example)], account)])

    def add_many(self, examples: Iterable[Features], account: str | None = None) -> Task:
        """Store many examples; returns once the iterable is read, while the last batches are still on their way.

        They go in batches of up to 1000 examples or 1 MiB, each all or none and each stored once however often it has
        to be sent. The task's result is the number of examples stored; after a failure `task.stored` tells how many
        were. Raises as `add` does; the examples before the one that cannot be encoded are stored.

        The examples are stored in their order, but for a batch that the daemon refuses for the moment (QUOTA_RATE and
        the like): it is sent again, and may come to stand behind up to 4 MiB of batches that followed it.
        """
        check_iterable("examples", examples)
        sent: list[Future[int]] = []
        batcher = Batcher()
        try:
            for features in examples:
                full = batcher.add(serialize(features))
                if full:
                    sent.append(self._send(full, account))
        finally:
            if rest := batcher.rest():
                sent.append(self._send(rest, account))
        return gather(sent)

    def stats(self) -> CollectionStats:
        """Counts that include what this connection added before. Raises NotFound: it was never configured."""
        self._sender.flush()
        request = stats_request(self.name)
        return CollectionStats.from_wire(self._connection.call(STATS, request))

    def clear(self, account: str | None = None) -> int:
        """Delete all examples, or one account's, those still on their way included. They are unreadable on return.

        Returns how many were deleted. Raises NotFound where the collection was never configured.
        """
        request = clear_request(self.name, account)
        self._sender.flush()
        return self._connection.call(CLEAR, request).count

    def _send(self, examples: list[bytes], account: str | None) -> "Future[int]":
        request, count = add_request(self.name, examples, account), len(examples)

        def send(policy: RetryPolicy) -> int:
            self._connection.call(ADD, request, policy=policy)
            return count

        def start(after: _SentAhead | None) -> _SentAhead | None:
            started = self._connection.start(ADD, request, after=after.started if after else None)
            return _SentAhead(started, count) if started else None

        return self._sender.submit(send, start, sum(map(len, examples)))


@dataclass(frozen=True, slots=True)
class _SentAhead:
    started: Started[wire.AddResponse]
    count: int

    def wait(self) -> int:
        self.started.call.result()
        return self.count


def add_request(collection: str, examples: list[bytes], account: str | None) -> wire.SerializedAddRequest:
    """With an idempotency key, so that it may be sent again. Raises InvalidArgument for what is no account."""
    request = wire.SerializedAddRequest(collection=collection, examples=examples, idempotency_key=os.urandom(16))
    return request if account is None else fill(request, account=account)


def stats_request(collection: str) -> wire.CollectionStatsRequest:
    return wire.CollectionStatsRequest(collection=collection)


def clear_request(collection: str, account: str | None) -> wire.ClearRequest:
    """Raises InvalidArgument for what is no account."""
    return fill(wire.ClearRequest(collection=collection), account=account)


def name_in(options: CollectionOptions | str) -> str:
    """The collection's name. Raises InvalidArgument for what has none that can be sent."""
    name = options if isinstance(options, str) else expect(CollectionOptions, "options", options).name
    check_text("collection", name)
    return name


def configure(connection: Connection, options: CollectionOptions) -> None:
    """Create the collection or change the options that are set. Raises InvalidArgument naming the option."""
    connection.call(CONFIGURE, configure_request(options))


def configure_request(options: CollectionOptions) -> wire.ConfigureCollectionRequest:
    """What creates the collection, or changes the options that are set."""
    return wire.ConfigureCollectionRequest(collection=name_in(options), options=options_to_wire(options))


def options_to_wire(options: CollectionOptions) -> wire.CollectionOptions:
    """Those that are set; the daemon keeps the others. Raises InvalidArgument naming the option that does not fit."""
    message = fill(wire.CollectionOptions(), "options.", max_examples=options.max_examples, durable=options.durable)
    if options.ttl is not None:
        message.time_to_live.CopyFrom(to_duration("options.time_to_live", options.ttl))
    if options.context is not None:
        message.context.SetInParent()
        if isinstance(options.context, str) or not isinstance(options.context, Iterable):
            raise unfit("options.context", options.context, "a list of context types")
        for wish in options.context:
            _add_wish(message.context, wish if isinstance(wish, ContextWish) else ContextWish(wish))
    return message


def _add_wish(context: wire.ContextOptions, wish: ContextWish) -> None:
    field = "options.context.wishes."
    message = fill(context.wishes.add(), field, type=expect(str, f"{field}type", wish.type))
    if wish.ttl is not None:
        message.time_to_live.CopyFrom(to_duration(f"{field}time_to_live", wish.ttl))
