"""Collections, awaited."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable

from client_lib.aio.connection import Connection, Started
from client_lib.aio.tasks import Sender, Task, gather, settle
from client_lib.batching import BATCHES_AHEAD, Batcher
from client_lib.collection import ADD, CLEAR, STATS, CollectionStats, add_request, clear_request, stats_request
from client_lib.encoding import Features
from client_lib.errors import InsituError
from client_lib.filling import check_iterable, check_text
from client_lib.retry import RetryPolicy
from client_lib.serializing import serialize


class CollectionClient:
    """One collection of this app."""

    def __init__(self, connection: Connection, sender: Sender, name: str) -> None:
        self.name = name
        self._connection = connection
        self._sender = sender
        self._reading: set[asyncio.Task[None]] = set()

    def add(self, example: Features, account: str | None = None) -> Task:
        """Store one example with the context of this moment. Returns at once; awaiting the task is optional.

        Raises InvalidArgument naming the feature that cannot be encoded, ResourceExhausted (BACKLOG) where 4096 wait
        already: a loop that adds and never awaits lets none be answered, so await now and then, or use `add_many`. The
        task raises PermissionDenied (no consent), NotFound (never configured), ResourceExhausted (quota, disk),
        Unavailable.
        """
        return gather([self._send([serialize(example)], account)])

    def add_many(self, examples: Iterable[Features] | AsyncIterable[Features], account: str | None = None) -> Task:
        """Store many examples, of an iterable or an asynchronous one, which is read no faster than they are sent, while
        the program goes on: what it adds meanwhile goes between their batches.

        They go in batches of up to 1000 examples or 1 MiB, each all or none and each stored once however often it has
        to be sent. The task's result is the number of examples stored; after a failure `task.stored` tells how many
        were. What reading raises, the task raises; the examples before it are stored. Cancelling it stops the reading.

        The examples are stored in their order, but for a batch that the daemon refuses for the moment (QUOTA_RATE and
        the like): it is sent again, and may come to stand behind up to 4 MiB of batches that followed it.
        """
        if account is not None:
            check_text("account", account)
        if not isinstance(examples, AsyncIterable):
            check_iterable("examples", examples)
        task = Task()
        reading = asyncio.get_running_loop().create_task(self._read(examples, account, task))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)
        task.add_done_callback(lambda _: reading.cancel())
        return task

    async def stats(self) -> CollectionStats:
        """Counts that include what was added before, and of an `add_many` under way what it has read.

        Raises NotFound: it was never configured.
        """
        await self._sender.flush()
        request = stats_request(self.name)
        return CollectionStats.from_wire(await self._connection.run(self._connection.calls.call(STATS, request)))

    async def clear(self, account: str | None = None) -> int:
        """Delete all examples, or one account's, those still on their way included. They are unreadable on return.

        Returns how many were deleted. Raises NotFound where the collection was never configured.
        """
        request = clear_request(self.name, account)
        await self._sender.flush()
        return (await self._connection.run(self._connection.calls.call(CLEAR, request))).count

    async def _read(
        self, examples: Iterable[Features] | AsyncIterable[Features], account: str | None, task: Task
    ) -> None:
        """Send all, and settle the task."""
        sent: list[asyncio.Future[int]] = []
        batcher = Batcher()
        failure: BaseException | None = None
        try:
            async for features in _each(examples):
                full = batcher.add(serialize(features))
                if full:
                    sent.append(self._send(full, account))
                    if len(sent) < BATCHES_AHEAD:
                        await asyncio.sleep(0)
                    else:
                        await asyncio.wait([sent[-BATCHES_AHEAD]])
        except Exception as error:  # noqa: BLE001 - whoever awaits the task gets it
            failure = error
        try:
            if rest := batcher.rest():
                sent.append(self._send(rest, account))
        except InsituError as error:
            failure = failure or error
        stored = gather(sent)
        await asyncio.wait([stored])
        task.stored = stored.stored
        if not task.done():
            settle(task, failure or stored.exception())

    def _send(self, examples: list[bytes], account: str | None) -> "asyncio.Future[int]":
        request = add_request(self.name, examples, account)

        async def send(policy: RetryPolicy) -> None:
            await self._connection.run(self._connection.calls.call(ADD, request, policy=policy))

        def start(after: Started | None) -> Started | None:
            return self._connection.start(ADD, request, after=after)

        return self._sender.submit(send, start, len(examples), sum(map(len, examples)))


async def _each(examples: Iterable[Features] | AsyncIterable[Features]) -> AsyncIterator[Features]:
    if isinstance(examples, AsyncIterable):
        async for one in examples:
            yield one
    else:
        for one in examples:
            yield one
