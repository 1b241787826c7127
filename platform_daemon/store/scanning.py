"""Reading a collection of the LevelDB store.

A scan holds nothing between two examples: no iterator, no lock, no snapshot of the database. It reads sealed records in
chunks and unseals each when it is asked for, after it has looked at the clock and for the key. So what expires or is
erased while a scan runs is not returned by it, a scan that is never finished costs nothing, and the store can close
under it.

Whenever keys were destroyed since a chunk was read, the rest of the chunk is read again: some of it may have been
sealed anew under other keys.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType

from platform_daemon.errors import DataLoss
from platform_daemon.store import layout
from platform_daemon.store.collection import Room
from platform_daemon.store.layout import CONTEXT_HEADER, EXAMPLE_HEADER, EXAMPLE_OVERHEAD_BYTES
from platform_daemon.store.sealing import Forged, unseal
from platform_daemon.store.store import Scan, StoredExample
from platform_daemon.store.store_time import Moment

_CHUNK_RECORDS = 512

_NO_CONTEXT: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Part:
    type: str
    lifetime_ms: int
    """0 where it lives as long as the example."""
    features: bytes


@dataclass(slots=True)
class _Snapshot:
    """The context that some examples share: sealed as read, unsealed at the first look."""

    sealed: list[tuple[bytes, bytes]]
    parts: list[_Part] | None = None
    views: dict[tuple[str, ...], Mapping[str, bytes]] = field(default_factory=dict)
    """By the types that still live, so that neighbours get the same object."""


@dataclass(slots=True)
class _Chunk:
    records: list[tuple[bytes, bytes]]
    snapshots: dict[int, _Snapshot]
    destructions: int
    """What the keyring's counter was when it was read."""


class Scanner:
    """One scan. `hold` gives the enclave's lock and the database's gate; `quarantine` takes a forged record out."""

    def __init__(
        self,
        room: Room,
        scan: Scan,
        now: Callable[[], Moment],
        hold: Callable[[], AbstractContextManager[object]],
        quarantine: Callable[[bytes], None],
        bounds: tuple[int, int],
        ended: Callable[[int], None],
    ) -> None:
        """`bounds`: the lowest sequence to read, and the one to stop before. `ended` is told how many records there
        were, expired or not asked for included."""
        self._room = room
        self._scan = scan
        self._now = now
        self._hold = hold
        self._quarantine = quarantine
        self._ended = ended
        place = scan.place
        self._start = layout.example_key(place.enclave, place.collection, bounds[0])
        self._stop = layout.example_key(place.enclave, place.collection, max(bounds))
        self._position: bytes | None = None
        """The record that was handled last."""

    def examples(self) -> Iterator[StoredExample]:
        """Raises DataLoss at a record that fails authentication, which the next scan will not meet, and what `ended`
        raises."""
        keyring, scan = self._room.keyring, self._scan
        met = 0
        while (chunk := self._read()).records:
            for key, value in chunk.records:
                if keyring.destructions != chunk.destructions:
                    break
                self._position = key
                if len(value) < EXAMPLE_OVERHEAD_BYTES:
                    raise self._lost(key)
                _, account, key_id, added_ms, expiry_ms, snapshot = EXAMPLE_HEADER.unpack_from(value)
                # At its age by the clock that hides it, so that its context does not come back either.
                hidden_ms = self._now().hidden_ms(key_id)
                if expiry_ms <= hidden_ms or added_ms < scan.added_since_ms or scan.account not in (None, account):
                    continue
                cipher = keyring.cipher(key_id)
                if cipher is None:
                    continue
                try:
                    example = unseal(cipher, key, value, EXAMPLE_HEADER.size)
                except Forged as error:
                    raise self._lost(key) from error
                shared = chunk.snapshots.get(snapshot)
                context = _NO_CONTEXT if shared is None else self._context(shared, hidden_ms - added_ms)
                yield StoredExample(layout.sequence_of(key), added_ms, example, context)
            met += self._met(chunk)
        self._ended(met)

    def _met(self, chunk: _Chunk) -> int:
        """How many records of the chunk have been handled: all, or the first ones."""
        if chunk.records[-1][0] == self._position:
            return len(chunk.records)
        return next((number for number, (key, _) in enumerate(chunk.records, 1) if key == self._position), 0)

    def _bounds(self) -> tuple[bytes, bytes]:
        """What is left to read."""
        if self._position is None:
            return self._start, self._stop
        if self._scan.newest_first:
            return self._start, self._position
        return self._position + b"\0", self._stop

    def _read(self) -> _Chunk:
        """The next records, still sealed, with the context they lead to, as of one moment."""
        with self._hold():
            chunk = _Chunk([], {}, self._room.keyring.destructions)
            items = self._room.database.items(*self._bounds(), reverse=self._scan.newest_first)
            for _, record in zip(range(_CHUNK_RECORDS), items, strict=False):
                chunk.records.append(record)
                if self._scan.context_types and len(record[1]) >= EXAMPLE_OVERHEAD_BYTES:
                    snapshot = EXAMPLE_HEADER.unpack_from(record[1])[-1]
                    if snapshot and snapshot not in chunk.snapshots:
                        chunk.snapshots[snapshot] = self._read_snapshot(snapshot)
            return chunk

    def _read_snapshot(self, snapshot: int) -> _Snapshot:
        place = self._scan.place
        sealed = []
        for context_type in sorted(self._scan.context_types):
            key = layout.context_key(place.enclave, place.collection, snapshot, context_type)
            value = self._room.database.get(key)
            if value is not None:
                sealed.append((key, value))
        return _Snapshot(sealed)

    def _context(self, snapshot: _Snapshot, age_ms: int) -> Mapping[str, bytes]:
        """What an example of this age sees of a snapshot."""
        if snapshot.parts is None:
            snapshot.parts = [part for key, value in snapshot.sealed if (part := self._unseal_part(key, value))]
        types = tuple(part.type for part in snapshot.parts if not part.lifetime_ms or age_ms < part.lifetime_ms)
        view = snapshot.views.get(types)
        if view is None:
            view = MappingProxyType({part.type: part.features for part in snapshot.parts if part.type in types})
            snapshot.views[types] = view
        return view

    def _unseal_part(self, key: bytes, value: bytes) -> _Part | None:
        if len(value) < CONTEXT_HEADER.size:
            raise self._lost(key)
        _, _, key_id, lifetime_ms = CONTEXT_HEADER.unpack_from(value)
        cipher = self._room.keyring.cipher(key_id)
        if cipher is None:
            return None
        try:
            features = unseal(cipher, key, value, CONTEXT_HEADER.size)
        except Forged as error:
            raise self._lost(key) from error
        return _Part(layout.context_of(key)[3], lifetime_ms, features)

    def _lost(self, key: bytes) -> DataLoss:
        self._quarantine(key)
        return DataLoss(
            f"record {key.hex()} failed authentication and was set aside: repeat to read the rest",
            reason="RECORD_FORGED",
        )
