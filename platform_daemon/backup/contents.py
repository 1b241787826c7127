"""What is in the chunks of a backup: pieces, each beginning with a letter.

    M  the manifest, JSON; first
    F  a file begins: path within the state folder, UTF-8
    D  bytes of the file that began last
    R  bytes of the stream of example records: for each 4 B length of key | 4 B length of value | key | value
    Z  totals, JSON; last

Records may go over the end of a piece. Files of modes other than 0600 there are none.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from platform_daemon.backup.container import PIECE_BYTES
from platform_daemon.errors import DataLoss

MANIFEST, FILE, DATA, RECORDS, END = b"M", b"F", b"D", b"R", b"Z"
ROOM_BYTES = PIECE_BYTES - 1
"""For what follows the letter."""

_RECORD = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Formats:
    """Versions of what a state folder holds."""

    store: int
    state: int
    artifacts: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    release: str
    made_ms: int
    formats: Formats
    size_bytes: int
    """About: a database that is written to has no exact size."""
    packages: tuple[str, ...]
    uid: int
    """The OS user whose daemon made it."""

    def piece(self) -> bytes:
        return MANIFEST + json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, piece: bytes) -> "Manifest":
        """Raises DataLoss; KeyError, TypeError and ValueError for what a later release may say."""
        fields = _json(piece, MANIFEST)
        formats, packages = Formats(**fields.pop("formats")), tuple(fields.pop("packages"))
        numbers = (
            formats.store,
            formats.state,
            formats.artifacts,
            fields["made_ms"],
            fields["size_bytes"],
            fields["uid"],
        )
        if not all(type(number) is int for number in numbers):
            raise TypeError(f"{numbers} are no numbers")
        return cls(formats=formats, packages=packages, **fields)


@dataclass(slots=True)
class Totals:
    """What there has to be at the end."""

    files: int = 0
    file_bytes: int = 0
    records: int = 0

    def piece(self) -> bytes:
        return END + json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, piece: bytes) -> "Totals":
        """Raises DataLoss."""
        return cls(**_json(piece, END))


def record_bytes(key: bytes, value: bytes) -> bytes:
    """A record, as the stream has it."""
    return _RECORD.pack(len(key), len(value)) + key + value


def in_pieces(stream: Iterable[bytes]) -> Iterator[bytes]:
    """A stream of records cut into pieces."""
    held = bytearray()
    for part in stream:
        held += part
        while len(held) >= ROOM_BYTES:
            yield RECORDS + held[:ROOM_BYTES]
            del held[:ROOM_BYTES]
    if held:
        yield RECORDS + bytes(held)


class RecordReader:
    """From pieces back to records."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The records that end in this piece. Use it up before the next."""
        self._held += memoryview(piece)[1:]
        at = 0
        while len(self._held) - at >= _RECORD.size:
            key_bytes, value_bytes = _RECORD.unpack_from(self._held, at)
            end = at + _RECORD.size + key_bytes + value_bytes
            if end > len(self._held):
                break
            start = at + _RECORD.size
            yield bytes(self._held[start : start + key_bytes]), bytes(self._held[start + key_bytes : end])
            at = end
        del self._held[:at]

    @property
    def finished(self) -> bool:
        """Whether no record is incomplete."""
        return not self._held


def _json(piece: bytes, letter: bytes) -> dict[str, Any]:
    if piece[:1] != letter:
        raise out_of_order()
    fields = json.loads(piece[1:])
    if not isinstance(fields, dict):
        raise out_of_order()
    return fields


def out_of_order() -> DataLoss:
    """The chunks are authentic and make no sense."""
    return DataLoss("the backup was made wrongly and cannot be restored: use another", reason="BACKUP_MALFORMED")
