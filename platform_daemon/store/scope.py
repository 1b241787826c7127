"""What a data key covers, and which keys an erasure selects."""

import enum
from dataclasses import dataclass
from typing import NamedTuple

NEVER_MS = 2**63 - 1
"""The bucket end of what only an explicit erasure destroys."""

_LONGEST_BUCKET_MS = 3_600_000
_BUCKETS_PER_LIFETIME = 32


class Kind(enum.IntEnum):
    """The sort of plaintext. The numbers are in the keyring file: never reuse one."""

    EXAMPLE = 1
    CONTEXT = 2
    NAMED = 3
    """Something outside the example database: personal parameters, a checkpoint."""


class Scope(NamedTuple):
    """All that is sealed by one key can be destroyed only together, so this is the grain of every erasure."""

    kind: Kind
    enclave: int
    account: int
    collection: int
    part: str
    """The context type of CONTEXT, the name of NAMED, empty for EXAMPLE."""
    bucket_end_ms: int
    """Everything under the key has expired by then."""


def bucket_end_ms(added_ms: int, expiry_ms: int) -> int:
    """The end of the bucket that `expiry_ms` falls into: not before it, and after it by less than an hour and by no
    more than a thirty-second of the lifetime."""
    span = min(_LONGEST_BUCKET_MS, max(1, (expiry_ms - added_ms) // _BUCKETS_PER_LIFETIME))
    return -(-expiry_ms // span) * span


@dataclass(frozen=True, slots=True)
class Selector:
    """Keys whose scope agrees with every field that is set."""

    kinds: frozenset[Kind] = frozenset(Kind)
    enclave: int | None = None
    account: int | None = None
    collection: int | None = None
    parts: frozenset[str] | None = None
    ended_by_ms: int | None = None
    ids: frozenset[int] | None = None
    first_id: int = 0
    before_id: int | None = None

    def takes(self, key_id: int, scope: Scope) -> bool:
        return (
            scope.kind in self.kinds
            and self.enclave in (None, scope.enclave)
            and self.account in (None, scope.account)
            and self.collection in (None, scope.collection)
            and (self.parts is None or scope.part in self.parts)
            and (self.ended_by_ms is None or scope.bucket_end_ms <= self.ended_by_ms)
            and (self.ids is None or key_id in self.ids)
            and self.first_id <= key_id
            and (self.before_id is None or key_id < self.before_id)
        )


RECORDS = frozenset({Kind.EXAMPLE, Kind.CONTEXT})
"""What seals records of the example database."""
