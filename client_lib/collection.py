"""Collections: examples go in, and never come out again but to train the app's own models."""

import os
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from client_lib.connection import Connection
from client_lib.encoding import Features
from client_lib.options import CollectionOptions, ContextWish
from client_lib.retry import RetryPolicy
from client_lib.serializing import add_request, serialize
from client_lib.tasks import Sender, Task, gather
from client_lib.transport import Method
from insitu.v1 import collection_pb2 as wire

CONFIGURE = Method("Collections", "Configure", wire.ConfigureCollectionRequest, wire.ConfigureCollectionResponse)
ADD = Method("Collections", "Add", wire.AddRequest, wire.AddResponse)
STATS = Method("Collections", "Stats", wire.CollectionStatsRequest, wire.CollectionStats)
CLEAR = Method("Collections", "Clear", wire.ClearRequest, wire.ClearResponse)
LIST = Method("Collections", "List", wire.ListCollectionsRequest, wire.ListCollectionsResponse)

BATCH_EXAMPLES = 1000
BATCH_BYTES = 1024 * 1024
BATCHES_AHEAD = 4
"""How many batches `add_many` has on their way. To encode further ahead would only hold memory, and keep the
interpreter from the thread that sends."""


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

    @classmethod
    def from_wire(cls, message: wire.CollectionStats) -> "CollectionStats":
        return cls(
            message.collection,
            message.examples,
            message.size_bytes,
            message.oldest_ms,
            message.newest_ms,
            message.next_expiry_ms,
            message.durable,
            message.lost_examples,
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
        """
        sent: list[Future[int]] = []
        batch: list[bytes] = []
        size_bytes = 0
        try:
            for features in examples:
                example = serialize(features)
                if batch and (len(batch) == BATCH_EXAMPLES or size_bytes + len(example) > BATCH_BYTES):
                    sent.append(self._send(batch, account))
                    batch, size_bytes = [], 0
                    if len(sent) >= BATCHES_AHEAD:
                        wait([sent[-BATCHES_AHEAD]])
                batch.append(example)
                size_bytes += len(example)
        finally:
            if batch:
                sent.append(self._send(batch, account))
        return gather(sent)

    def stats(self) -> CollectionStats:
        """Counts that include what this connection added before. Raises NotFound: it was never configured."""
        self._sender.flush()
        request = wire.CollectionStatsRequest(collection=self.name)
        return CollectionStats.from_wire(self._connection.call(STATS, request))

    def clear(self, account: str | None = None) -> int:
        """Delete all examples, or one account's, those still on their way included. They are unreadable on return.

        Returns how many were deleted. Raises NotFound where the collection was never configured.
        """
        self._sender.flush()
        request = wire.ClearRequest(collection=self.name, account=account or "")
        return self._connection.call(CLEAR, request).count

    def _send(self, examples: list[bytes], account: str | None) -> "Future[int]":
        count = len(examples)
        request = add_request(self.name, examples, os.urandom(16), account or "")

        def send(policy: RetryPolicy) -> int:
            self._connection.call(ADD, request, policy=policy)
            return count

        return self._sender.submit(send)


def configure(connection: Connection, options: CollectionOptions) -> None:
    """Create the collection or change the options that are set. Raises InvalidArgument naming the option."""
    connection.call(CONFIGURE, configure_request(options))


def configure_request(options: CollectionOptions) -> wire.ConfigureCollectionRequest:
    return wire.ConfigureCollectionRequest(collection=options.name, options=options_to_wire(options))


def options_to_wire(options: CollectionOptions) -> wire.CollectionOptions:
    message = wire.CollectionOptions()
    if options.ttl is not None:
        message.time_to_live.FromTimedelta(options.ttl)
    if options.max_examples is not None:
        message.max_examples = options.max_examples
    if options.durable is not None:
        message.durable = options.durable
    if options.context is not None:
        message.context.SetInParent()
        for wish in options.context:
            wished = wish if isinstance(wish, ContextWish) else ContextWish(wish)
            ttl = None
            if wished.ttl is not None:
                ttl = Duration()
                ttl.FromTimedelta(wished.ttl)
            message.context.wishes.append(wire.ContextWish(type=str(wished.type), time_to_live=ttl))
    return message
