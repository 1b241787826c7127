"""Sealing and unsealing of records. `layout` says where the bytes go."""

from collections.abc import Callable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_daemon.store.layout import NONCE_BYTES, SEQUENCE


class Forged(Exception):
    """A record is not what was sealed under its key at its place. The caller decides what becomes of it."""


def seal(cipher: AESGCM, record_key: bytes, header: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """The record's value."""
    return header + nonce + cipher.encrypt(nonce, plaintext, record_key + header)


def seal_examples(
    cipher: AESGCM,
    prefix: bytes,
    first: int,
    header: bytes,
    examples: Sequence[bytes],
    random: Callable[[int], bytes],
) -> Iterator[tuple[bytes, bytes]]:
    """Record keys and values of consecutive examples with one header. The hot loop of a batch: one call for all the
    nonces, and nothing computed per example that is the same for all."""
    encrypt = cipher.encrypt
    pack = SEQUENCE.pack
    nonces = random(NONCE_BYTES * len(examples))
    position = 0
    for sequence, example in enumerate(examples, first):
        key = prefix + pack(sequence)
        nonce = nonces[position : position + NONCE_BYTES]
        position += NONCE_BYTES
        yield key, header + nonce + encrypt(nonce, example, key + header)


def unseal(cipher: AESGCM, record_key: bytes, value: bytes, header_bytes: int) -> bytes:
    """Raises Forged."""
    start = header_bytes + NONCE_BYTES
    try:
        return cipher.decrypt(value[header_bytes:start], value[start:], record_key + value[:header_bytes])
    except (InvalidTag, ValueError) as error:
        raise Forged from error
