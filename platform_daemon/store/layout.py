"""The records of the example database, byte by byte. Integers are big-endian, so that keys sort by number.

    key                                                            value
    e | enclave 4 | collection 4 | sequence 8                      example: header 37 | nonce 12 | ciphertext
    r | enclave 4 | collection 4 | expiry 8 | first sequence 8     run: account 4 | examples 4 | size 8 | added 8
    c | enclave 4 | collection 4 | snapshot 8 | context type       context: header 21 | nonce 12 | ciphertext
    k | key id 8 | enclave 4 | collection 4 | snapshot 8 | type    empty
    i | enclave 4 | collection 4 | BLAKE2b-128 16                  receipt: expiry 8 | first sequence 8 | count 4
    d | expiry 8 | enclave 4 | collection 4 | BLAKE2b-128 16       empty
    m | enclave 4 | collection 4                                   ledger: version 1 | next sequence 8 |
                                                                     lowest sequence 8 | examples 8 | size 8
    l | enclave 4 | collection 4                                   loss: examples 8 | when 8
    j | number 8                                                   an erasure under way, JSON (`journal.py`)
    q | a key of e or c                                            a record that failed authentication, as it was

    example header  version 1 | account 4 | key id 8 | added 8 | expiry 8 | snapshot 8
    context header  version 1 | account 4 | key id 8 | lifetime 8

**e** is the app's part of an entry. Its snapshot number leads to the context of its moment, 0 for none.
**c** is one context type's part, shared by all entries of one account that were stored while neither the values nor the
keys changed; it is numbered by the first of their sequences. An entry sees it until `added + lifetime` (0: as long as
the entry lives), so entries that share a part need not lose it at the same time.
**r** is the expiry index: consecutive sequences of one account, added at one moment with one expiry, which is what one
batch leaves. `size` is the bytes of the examples as the app gave them.
**k** finds the context parts of a key that was destroyed.
**i** and **d** remember idempotency keys, as digests, and when to forget them.
**m** outlives the examples: sequences start at 1 and are never used twice. `examples` and `size` count what the runs
hold, expired or not.

**l** is there where examples were lost (`reckoning.py`): how many in all, and when that was last noticed.

Times are Unix milliseconds. Ciphertexts are AES-256-GCM with a random nonce; associated data is the record key followed
by the header. Sizes and times are readable without a key, values are not.
"""

import struct
from typing import NamedTuple

FORMAT = 1

_PLACE = struct.Struct(">cII")
_NUMBERED = struct.Struct(">cIIQ")
_RUN_KEY = struct.Struct(">cIIQQ")
_BY_KEY = struct.Struct(">cQIIQ")
_BY_EXPIRY = struct.Struct(">cQII")
_JOURNAL = struct.Struct(">cQ")

EXAMPLE_HEADER = struct.Struct(">BIQQQQ")
CONTEXT_HEADER = struct.Struct(">BIQQ")
RUN = struct.Struct(">IIQQ")
RECEIPT = struct.Struct(">QQI")
LEDGER = struct.Struct(">BQQQQ")
LOSS = struct.Struct(">QQ")
SEQUENCE = struct.Struct(">Q")

NONCE_BYTES = 12
TAG_BYTES = 16
EXAMPLE_OVERHEAD_BYTES = EXAMPLE_HEADER.size + NONCE_BYTES + TAG_BYTES


class Run(NamedTuple):
    """An entry of the expiry index."""

    expiry_ms: int
    first: int
    account: int
    examples: int
    size_bytes: int
    added_ms: int

    @property
    def end(self) -> int:
        """The sequence after the last."""
        return self.first + self.examples


class Ledger(NamedTuple):
    """What a collection has to remember beyond its examples."""

    next_sequence: int = 1
    lowest_sequence: int = 1
    """No example is below; there may be none at it."""
    examples: int = 0
    size_bytes: int = 0

    def encode(self) -> bytes:
        return LEDGER.pack(FORMAT, *self)


def example_prefix(enclave: int, collection: int) -> bytes:
    return _PLACE.pack(b"e", enclave, collection)


def example_key(enclave: int, collection: int, sequence: int) -> bytes:
    return _NUMBERED.pack(b"e", enclave, collection, sequence)


def enclave_of(key: bytes) -> int:
    """Of a key of e, r, c, i or m."""
    return int.from_bytes(key[1:5], "big")


def place_of(key: bytes) -> tuple[int, int]:
    """Enclave and collection of a key of e, r, c, i, m or l."""
    _, enclave, collection = _PLACE.unpack_from(key)
    return enclave, collection


def sequence_of(example_key: bytes) -> int:
    (sequence,) = SEQUENCE.unpack_from(example_key, _PLACE.size)
    return int(sequence)


def run_key(enclave: int, collection: int, expiry_ms: int, first: int) -> bytes:
    return _RUN_KEY.pack(b"r", enclave, collection, expiry_ms, first)


def runs_from(enclave: int, collection: int, expiry_ms: int) -> bytes:
    """Where the runs of a collection that expire at `expiry_ms` or later begin."""
    return _NUMBERED.pack(b"r", enclave, collection, expiry_ms)


def run_of(key: bytes, value: bytes) -> Run:
    *_, expiry_ms, first = _RUN_KEY.unpack(key)
    return Run(expiry_ms, first, *RUN.unpack(value))


def context_key(enclave: int, collection: int, snapshot: int, context_type: str) -> bytes:
    return _NUMBERED.pack(b"c", enclave, collection, snapshot) + context_type.encode()


def context_prefix(enclave: int, collection: int, snapshot: int) -> bytes:
    return _NUMBERED.pack(b"c", enclave, collection, snapshot)


def context_of(context_key: bytes) -> tuple[int, int, int, str]:
    """Enclave, collection, snapshot and type of a context part's key."""
    _, enclave, collection, snapshot = _NUMBERED.unpack_from(context_key)
    return enclave, collection, snapshot, context_key[_NUMBERED.size :].decode()


def by_key(key_id: int, context_key: bytes) -> bytes:
    """The index entry of a context part: its key's id, then the rest of its own key."""
    return b"k" + SEQUENCE.pack(key_id) + context_key[1:]


def by_key_prefix(key_id: int) -> bytes:
    return b"k" + SEQUENCE.pack(key_id)


def indexed(by_key: bytes) -> tuple[int, bytes]:
    """The key id and the context part's key that an index entry stands for."""
    (key_id,) = SEQUENCE.unpack_from(by_key, 1)
    return key_id, b"c" + by_key[1 + SEQUENCE.size :]


def receipt_key(enclave: int, collection: int, digest: bytes) -> bytes:
    return _PLACE.pack(b"i", enclave, collection) + digest


def receipt_expiry_key(expiry_ms: int, receipt_key: bytes) -> bytes:
    return b"d" + SEQUENCE.pack(expiry_ms) + receipt_key[1:]


def expired_receipt(receipt_expiry_key: bytes) -> bytes:
    """The key of the receipt that an index entry stands for."""
    return b"i" + receipt_expiry_key[1 + SEQUENCE.size :]


def receipts_expired_by(now_ms: int) -> tuple[bytes, bytes]:
    """The range of the index of receipts to forget."""
    return b"d", b"d" + SEQUENCE.pack(now_ms + 1)


def ledger_key(enclave: int, collection: int) -> bytes:
    return _PLACE.pack(b"m", enclave, collection)


def ledger_of(key: bytes, value: bytes) -> tuple[int, int, Ledger]:
    """Enclave, collection and their ledger."""
    _, enclave, collection = _PLACE.unpack(key)
    _, *fields = LEDGER.unpack(value)
    return enclave, collection, Ledger(*fields)


def loss_key(enclave: int, collection: int) -> bytes:
    return _PLACE.pack(b"l", enclave, collection)


def journal_key(number: int) -> bytes:
    return _JOURNAL.pack(b"j", number)


def journal_number(key: bytes) -> int:
    _, number = _JOURNAL.unpack(key)
    return int(number)


def place_prefix(table: bytes, enclave: int, collection: int) -> bytes:
    return _PLACE.pack(table, enclave, collection)


def quarantined_prefixes(enclave: int, collection: int) -> tuple[bytes, bytes]:
    """Of a collection's entries and context parts that were set aside."""
    return b"q" + place_prefix(b"e", enclave, collection), b"q" + place_prefix(b"c", enclave, collection)


def enclave_prefix(table: bytes, enclave: int) -> bytes:
    return table + struct.pack(">I", enclave)


def after(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])
