"""Erasures that take several steps, written down before the first, so that a crash in between cannot leave half of one.

An erasure destroys keys, which is what counts, and then tidies records and counters. It is entered here durably,
carried out, and struck out. What failed half way is done again before the enclave stores anything more, and what a
killed process left, when the store is opened. Each is therefore written so that repeating it is harmless.
"""

import itertools
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
    """The erasures under way. Use inside the database's gate; what concerns an enclave, under its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = itertools.count()
        self.unfinished: dict[bytes, Erasure] = {}
        """What failed half way, here or in a process that was killed, by the key to strike it out with."""

    def load(self) -> None:
        """Find what a killed process left."""
        self.unfinished.clear()
        start = layout.journal_key(0)
        number = 0
        for key, value in self._database.items(start, layout.after(start[:1])):
            fields = json.loads(value)
            kind = _KINDS[fields.pop("kind")]
            if "keep_features" in fields:
                fields["keep_features"] = tuple(fields["keep_features"])
            self.unfinished[key] = kind(**fields)
            number = layout.journal_number(key) + 1
        self._numbers = itertools.count(number)

    def unfinished_of(self, enclave: int) -> list[tuple[bytes, Erasure]]:
        """In the order of entry."""
        return [(key, erasure) for key, erasure in sorted(self.unfinished.items()) if erasure.enclave == enclave]

    @contextmanager
    def entered(self, erasure: Erasure) -> Iterator[None]:
        """Carry the erasure out inside. If that fails it counts as unfinished."""
        key = layout.journal_key(next(self._numbers))
        write = self._database.batch(sync=True)
        write.put(key, json.dumps({"kind": type(erasure).__name__, **asdict(erasure)}).encode())
        write.write()
        try:
            yield
        except BaseException:
            self.unfinished[key] = erasure
            raise
        self.strike_out(key)

    def strike_out(self, key: bytes) -> None:
        write = self._database.batch()
        write.delete(key)
        write.write()
        self.unfinished.pop(key, None)
