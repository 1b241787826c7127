"""A backup file: a header, and chunks that are each sealed at their place.

    8 B  magic b"INSITUBK"
    2 B  format version, 1
    1 B  base-2 logarithm of scrypt's N | 1 B r | 1 B p | 16 B salt      for the recovery key, from a passphrase
    32 B salt of this file                                               for its own key, from the recovery key
    16 B check, so that a wrong passphrase is told from a damaged file
    ...  chunks: 4 B length | ciphertext of AES-256-GCM

Integers are big-endian. A chunk's nonce is its number in 11 bytes and one byte that is 1 for the last chunk alone (the
STREAM construction, Hoang et al. 2015), the header is associated data: so chunks can be neither left out nor moved nor
taken from another backup, and a file that ends early is told from one that is whole. scrypt is RFC 7914, HKDF RFC 5869.
"""

import hmac
import struct
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from platform_daemon.errors import DataLoss, FailedPrecondition, InvalidArgument, Unauthenticated

VERSION = 1
KEY_BYTES = 32
SALT_BYTES = 16
PIECE_BYTES = 1 << 20
"""The most that a chunk holds."""
SHORTEST_PASSPHRASE = 12

MAGIC = b"INSITUBK"
_HEADER = struct.Struct(">8sHBBB16s32s16s")
_LENGTH = struct.Struct(">I")
_TAG_BYTES = 16
_LARGEST_LOG2_N, _LARGEST_R, _LARGEST_P = 20, 8, 4
"""A gigabyte: a forged header must not take more."""


@dataclass(frozen=True, slots=True)
class Stretching:
    """How a passphrase becomes the recovery key. The defaults take 128 MiB, and half a second or less."""

    salt: bytes
    log2_n: int = 17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        within = 10 <= self.log2_n <= _LARGEST_LOG2_N and 1 <= self.r <= _LARGEST_R and 1 <= self.p <= _LARGEST_P
        if len(self.salt) != SALT_BYTES or not within:
            raise InvalidArgument("the numbers are out of range: leave them as they come", field="stretching")

    def recovery_key(self, passphrase: str) -> bytes:
        """Raises InvalidArgument for a short passphrase. Equal text gives equal keys, however it was typed (NFKC)."""
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise InvalidArgument(f"use at least {SHORTEST_PASSPHRASE} characters", field="passphrase")
        text = unicodedata.normalize("NFKC", passphrase).encode()
        return Scrypt(salt=self.salt, length=KEY_BYTES, n=1 << self.log2_n, r=self.r, p=self.p).derive(text)


class Sealer:
    """Makes the chunks of one new file."""

    def __init__(self, recovery_key: bytes, stretching: Stretching, random: Callable[[int], bytes]) -> None:
        salt = random(32)
        check = _derived(recovery_key, salt, b"check", 16)
        self.header = _HEADER.pack(
            MAGIC, VERSION, stretching.log2_n, stretching.r, stretching.p, stretching.salt, salt, check
        )
        self._cipher = AESGCM(_derived(recovery_key, salt, b"chunks", KEY_BYTES))
        self._number = 0

    def chunk(self, piece: bytes, *, last: bool) -> bytes:
        """At most PIECE_BYTES, in order."""
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), piece, self.header)
        self._number += 1
        return _LENGTH.pack(len(sealed)) + sealed


@dataclass(frozen=True, slots=True)
class Header:
    """Of a file that is to be read."""

    raw: bytes
    stretching: Stretching
    salt: bytes
    check: bytes

    @classmethod
    def read(cls, file: BinaryIO) -> "Header":
        """Raises InvalidArgument for what is no backup, FailedPrecondition for a later release's."""
        raw = file.read(_HEADER.size)
        if not raw.startswith(MAGIC):
            raise InvalidArgument("it is no backup: name a file that `insitu data backup` wrote", field="file")
        if len(raw) >= 10 and (version := int.from_bytes(raw[8:10], "big")) != VERSION:
            raise FailedPrecondition(
                f"the backup has format {version}, this release reads {VERSION}: restore it with a newer release",
                reason="BACKUP_FORMAT",
            )
        if len(raw) < _HEADER.size:
            raise _cut()
        _, _, log2_n, r, p, stretching_salt, salt, check = _HEADER.unpack(raw)
        try:
            return cls(raw, Stretching(stretching_salt, log2_n, r, p), salt, check)
        except InvalidArgument as error:
            raise _damaged() from error

    def pieces(self, file: BinaryIO, recovery_key: bytes) -> Iterator[bytes]:
        """What the rest of the file holds. Raises Unauthenticated for a wrong passphrase, at once, and DataLoss at the
        first chunk that is damaged, or missing."""
        if not hmac.compare_digest(_derived(recovery_key, self.salt, b"check", 16), self.check):
            raise Unauthenticated("the passphrase is not that of this backup: repeat with the right one")
        cipher = AESGCM(_derived(recovery_key, self.salt, b"chunks", KEY_BYTES))
        number, last = 0, False
        chunk = _next_chunk(file)
        while not last:
            following = _next_chunk(file)
            last = following is None
            if chunk is None:
                raise _cut()
            yield self._opened(cipher, chunk, number, last=last)
            chunk, number = following, number + 1

    def _opened(self, cipher: AESGCM, chunk: bytes, number: int, *, last: bool) -> bytes:
        try:
            return cipher.decrypt(_nonce(number, last=last), chunk, self.raw)
        except InvalidTag:
            if last:
                self._refuse_cut(cipher, chunk, number)
            raise _damaged() from None

    def _refuse_cut(self, cipher: AESGCM, chunk: bytes, number: int) -> None:
        try:
            cipher.decrypt(_nonce(number, last=False), chunk, self.raw)
        except InvalidTag:
            return
        raise _cut()


def _next_chunk(file: BinaryIO) -> bytes | None:
    """None at the end of the file."""
    length = file.read(_LENGTH.size)
    if not length:
        return None
    if len(length) < _LENGTH.size:
        raise _cut()
    (size,) = _LENGTH.unpack(length)
    if not _TAG_BYTES <= size <= PIECE_BYTES + _TAG_BYTES:
        raise _damaged()
    chunk = file.read(size)
    if len(chunk) < size:
        raise _cut()
    return chunk


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _derived(recovery_key: bytes, salt: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, b"insitu backup 1 " + purpose).derive(recovery_key)


def _cut() -> DataLoss:
    return DataLoss("the backup ends too early: copy it again from where it came, or use another", reason="BACKUP_CUT")


def _damaged() -> DataLoss:
    return DataLoss("the backup is damaged: copy it again from where it came, or use another", reason="BACKUP_DAMAGED")
