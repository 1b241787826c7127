"""Erasures that take several steps, written down before the first, so that a crash in between cannot leave half of one.

An erasure destroys keys, which is what counts, and then tidies records and counters. It is entered here durably,
carried out, and struck out; what opening finds entered is carried out again. Each is therefore written so that
repeating it is harmless.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from platform_daemon.store import layout
from platform_daemon.store.database import Database


@dataclass(frozen=True, slots=True)
class Clear:
    """Delete a collection's examples, or one account's."""

    enclave: int
    collection: int
    account: int | None


@dataclass(frozen=True, slots=True)
class Shorten:
    """Bring expiries forward, under new keys."""

    enclave: int
    collection: int
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Narrow:
    """Keep some features of a context type, under new keys."""

    enclave: int
    context_type: str
    keep_features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete an enclave."""

    enclave: int


Erasure = Clear | Shorten | Narrow | Remove

_KINDS: dict[str, Callable[..., Erasure]] = {kind.__name__: kind for kind in (Clear, Shorten, Narrow, Remove)}


class Journal:
    """The erasures under way. Use inside the database's gate; entries of one enclave are made under its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0

    def pending(self) -> list[tuple[bytes, Erasure]]:
        """What a killed process left, in the order of entry, with the keys to strike them out by."""
        start = layout.journal_key(0)
        entries = []
        for key, value in self._database.items(start, layout.after(start[:1])):
            fields = json.loads(value)
            kind = _KINDS[fields.pop("kind")]
            if "keep_features" in fields:
                fields["keep_features"] = tuple(fields["keep_features"])
            entries.append((key, kind(**fields)))
        return entries

    @contextmanager
    def entered(self, erasure: Erasure) -> Iterator[None]:
        """Carry the erasure out inside. If that fails the entry stays, and opening the store will repeat it."""
        self._number += 1
        key = layout.journal_key(self._number)
        while self._database.get(key) is not None:
            self._number += 1
            key = layout.journal_key(self._number)
        write = self._database.batch(sync=True)
        write.put(key, json.dumps({"kind": type(erasure).__name__, **asdict(erasure)}).encode())
        write.write()
        yield
        self.strike_out(key)

    def strike_out(self, key: bytes) -> None:
        write = self._database.batch()
        write.delete(key)
        write.write()
