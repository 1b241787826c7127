"""What the daemon asks of its example store; `leveldb` keeps it on disk, `memory` is the model that tests compare with.

One logical entry is an example and the context of its moment. They are sealed apart, so that the context can die
first: by its own time to live, or because the user revokes it.

All methods block: call them from a thread. All are safe to call from several threads at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from platform_daemon.errors import InvalidArgument
from platform_daemon.store.quota import Quota, Usage

LONGEST_TTL_MS = 100 * 365 * 86_400_000
"""A hundred years."""


@dataclass(frozen=True, slots=True)
class Place:
    """A collection of an enclave, by the numbers that the daemon's state gives them."""

    enclave: int
    collection: int


@dataclass(frozen=True, slots=True)
class ContextPart:
    """The injected features of one context type."""

    type: str
    features: bytes
    """Serialized insitu.v1.Features, names without the type's prefix."""
    ttl_ms: int | None = None
    """Lives this long from the moment of storage, where shorter than the example does. Positive."""

    def __post_init__(self) -> None:
        if self.ttl_ms is not None and self.ttl_ms <= 0:
            raise InvalidArgument(
                f"it is {self.ttl_ms}; give at least a millisecond", field=f"context.{self.type}.ttl_ms"
            )


@dataclass(frozen=True, slots=True)
class Retention:
    """How long, and how many."""

    ttl_ms: int
    """Positive, at most LONGEST_TTL_MS."""
    max_examples: int = 0
    """The oldest living ones go first beyond this; 0 for no limit."""

    def __post_init__(self) -> None:
        if not 0 < self.ttl_ms <= LONGEST_TTL_MS:
            raise InvalidArgument(
                f"it is {self.ttl_ms} ms; give a millisecond to a hundred years", field="retention.ttl_ms"
            )
        if self.max_examples < 0:
            raise InvalidArgument(
                f"it is {self.max_examples}; give 0 for no limit, or a positive number", field="retention.max_examples"
            )


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples to be stored together, all or none."""

    place: Place
    account: int
    examples: Sequence[bytes]
    """Serialized insitu.v1.Example each."""
    retention: Retention
    context: Sequence[ContextPart] = ()
    idempotency_key: bytes = b""
    """A batch with the key of an earlier one of the collection, less than a day old, is not stored again."""

    @property
    def size_bytes(self) -> int:
        """Of the examples."""
        return sum(map(len, self.examples))


@dataclass(frozen=True, slots=True)
class Added:
    first_sequence: int
    """The batch has consecutive sequence numbers from here on, increasing within a collection."""
    count: int
    repeated: bool = False
    """The idempotency key was known: nothing was stored now."""


@dataclass(frozen=True, slots=True)
class StoredExample:
    """One logical entry, unsealed."""

    sequence: int
    added_ms: int
    example: bytes
    context: Mapping[str, bytes]
    """Serialized Features by type; only the types asked for that still live. The same object for neighbours that
    share it, so that a reader may decode it once."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Of the living examples of a collection; but for `lost` all 0 where there are none."""

    examples: int = 0
    size_bytes: int = 0
    """Of the examples as the app gave them: it must not learn the size of their context."""
    oldest_ms: int = 0
    """When the one with the lowest sequence was added."""
    newest_ms: int = 0
    """When the one with the highest sequence was added."""
    next_expiry_ms: int = 0
    lost: int = 0
    """Examples that had been acknowledged and were found missing, since the collection was last cleared."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed from disk, and the keys that it destroyed."""

    examples: int = 0
    keys: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """Which examples to read. Expired ones are never among them."""

    place: Place
    context_types: frozenset[str] = field(default_factory=frozenset)
    newest_first: bool = True
    up_to_sequence: int | None = None
    """Leave out what was stored later (inclusive bound)."""
    added_since_ms: int = 0
    account: int | None = None


class Store(Protocol):
    """The example database of one device.

    Raises (platform_daemon.errors): ResourceExhausted when the disk is full, DataLoss when what is stored fails
    authentication, Unavailable when the disk fails, and once closed. A full or failing disk is forgotten by itself.
    """

    def add(self, batch: Batch) -> Added:
        """Store a batch. When it returns, the examples survive a killed process. An empty one stores and evicts
        nothing. Raises ResourceExhausted where the enclave would hold more than its quota."""
        ...

    def add_at_once(self, batch: Batch) -> Added | None:
        """As `add`, where that waits for nothing, neither for another thread nor for the disk: so that an event loop
        may call it. None, and nothing stored, where it might have to. Raises as `add` does."""
        ...

    def sync(self) -> "Future[None]":
        """Done when all that had been added before this call survives a power cut. Calls at the same time share one
        wait for the disk, and adding goes on meanwhile. Fails as a Store does."""
        ...

    def scan(self, scan: Scan) -> Iterator[StoredExample]:
        """Read live examples in order of their sequence. A scan sees the state at its start, less what is revoked,
        cleared, evicted or expires meanwhile. The iterator may pass from thread to thread, and be dropped half read.

        Raises DataLoss, once, at a record that fails authentication, and at the end where examples are missing."""
        ...

    def stats(self, place: Place) -> Stats: ...

    @property
    def quota(self) -> Quota:
        """What each enclave may hold."""
        ...

    def usage(self, enclave: int) -> Usage:
        """What an enclave's living examples come to, as its quota counts them."""
        ...

    def damaged(self, place: Place) -> int:
        """How many records of a collection failed authentication and are set aside, until it is cleared or their keys
        end. Nobody is ever given what they hold."""
        ...

    def shorten(self, place: Place, ttl_ms: int) -> None:
        """Bring the expiry of stored examples forward to `ttl_ms` after their storage, where it is later."""
        ...

    def unhide(self) -> None:
        """Bring back what only a wrong wall clock had hidden: the device's owner says that it was wrong."""
        ...

    def clear(self, place: Place, account: int | None = None) -> int:
        """Delete a collection's examples, or one account's; returns how many. Unreadable on return."""
        ...

    def revoke(self, enclave: int, context_type: str, keep_features: frozenset[str] = frozenset()) -> None:
        """Make an enclave's stored context of one type unreadable, but for `keep_features`. Costs the same however
        many examples there are when nothing is kept."""
        ...

    def remove_enclave(self, enclave: int) -> None:
        """Delete all that an enclave stored. Unreadable on return."""
        ...

    def sweep(self) -> Swept:
        """Delete what has expired or lost its key. Costs in proportion to that, not to what is stored."""
        ...

    def close(self) -> None:
        """Drain, then release the folder. Repeatable."""
        ...
