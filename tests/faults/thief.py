"""What a thief of a home folder finds in it: raw bytes, and whatever any key that is left opens.

Nothing is asked of LevelDB or SQLite, which would show only what is still in force: every file is read as bytes. What a
key has sealed names that key's id in its header, so wherever the id of a living key stands in a file, what follows is
deciphered as each of the three kinds of record, without looking at tags.
"""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from platform_daemon.store import keyring
from platform_daemon.store.layout import CONTEXT_HEADER, EXAMPLE_HEADER, NONCE_BYTES, TAG_BYTES
from platform_daemon.store.master_key import MasterKey

_RECORD_BYTES = 2048
"""So much is deciphered from each place in a file that may be of a record."""
_RECORD_KEY_AT = 5
_FILE_KEY_AT, _FILE_HEADER_BYTES = 1, 9
"""Where the key's id stands in the header of a record, and in that of a sealed file."""
_BLOCK_BYTES, _FRAGMENT_HEADER_BYTES = 32768, 7


def texts(home: Path) -> Iterator[tuple[str, bytes]]:
    """All that can be read in a home, with the place where it was found."""
    ciphers = dict(_keys(home))
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        data = path.read_bytes()
        name = str(path.relative_to(home))
        yield name, data
        streams = (data, _unfragmented(data)) if path.suffix == ".log" else (data,)
        yield from ((f"{name}, deciphered", text) for one in streams for text in _deciphered(one, ciphers))


def found(home: Path, secrets: Sequence[bytes]) -> dict[bytes, str]:
    """The secrets that are there, and where each was found first."""
    places: dict[bytes, str] = {}
    for place, text in texts(home):
        for form in (text, *_unpacked(text)):
            for secret in secrets:
                if secret in form:
                    places.setdefault(secret, place)
    return places


def opened(home: Path, folder: str) -> list[bytes]:
    """The plain contents of sealed files beneath a folder of the state, as far as their keys are left."""
    ciphers = dict(_keys(home))
    contents = []
    for path in sorted((home / "state" / folder).rglob("*")):
        if path.is_file():
            contents += list(_deciphered(path.read_bytes(), ciphers, whole=True))
    return contents


def _keys(home: Path) -> Iterator[tuple[int, bytes]]:
    """Of every keyring that lies about, a temporary one of an interrupted write included."""
    master = MasterKey.load(home / "state" / "examples" / "master.key")
    for path in home.rglob("*"):
        if path.is_file() and path.read_bytes()[:8] == b"INSITUKR":
            yield from ((key.id, key.material) for key in keyring._decode(path.read_bytes(), master)[0])


def _deciphered(data: bytes, ciphers: dict[int, bytes], *, whole: bool = False) -> Iterator[bytes]:
    """AES-GCM without the authentication: the counter of the first block is 2 (NIST SP 800-38D, section 7.1). `whole`:
    the data is a sealed file."""
    for key_id, material in ciphers.items():
        at = -1
        while (at := data.find(key_id.to_bytes(8, "big"), at + 1)) >= 0:
            if at == _FILE_KEY_AT:
                yield _decipher(material, data[_FILE_HEADER_BYTES:])[:-TAG_BYTES]
            if not whole and at >= _RECORD_KEY_AT:
                for header in (EXAMPLE_HEADER, CONTEXT_HEADER):
                    start = at - _RECORD_KEY_AT + header.size
                    yield _decipher(material, data[start : start + _RECORD_BYTES])


def _decipher(material: bytes, sealed: bytes) -> bytes:
    nonce = sealed[:NONCE_BYTES].ljust(NONCE_BYTES, b"\0")
    return Cipher(AES256(material), CTR(nonce + b"\0\0\0\2")).decryptor().update(sealed[NONCE_BYTES:])


def _unfragmented(log: bytes) -> bytes:
    """A log of LevelDB without the headers that cut its records at the ends of blocks."""
    payload = bytearray()
    for block in range(0, len(log), _BLOCK_BYTES):
        at, end = block, min(block + _BLOCK_BYTES, len(log))
        while at + _FRAGMENT_HEADER_BYTES <= end:
            length = int.from_bytes(log[at + 4 : at + 6], "little")
            payload += log[at + _FRAGMENT_HEADER_BYTES : at + _FRAGMENT_HEADER_BYTES + length]
            at += _FRAGMENT_HEADER_BYTES + length
    return bytes(payload)


def _unpacked(text: bytes) -> Iterator[bytes]:
    """What deflate or zlib had packed, where a text begins like that."""
    for form in (zlib.MAX_WBITS, zlib.MAX_WBITS | 16, -zlib.MAX_WBITS):
        try:
            yield zlib.decompressobj(form).decompress(text)
        except zlib.error:
            continue
