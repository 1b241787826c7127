"""The device's master key, which wraps the keyring and nothing else.

A file of 32 random bytes, mode 0600, written once when the device is provisioned. It is never made anew for a folder
that has data: a new master key opens nothing.
"""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_daemon.errors import DataLoss, FailedPrecondition, give_up
from platform_daemon.store.atomic_file import Disk, replace

KEY_BYTES = 32
NONCE_BYTES = 12


class MasterKey:
    """AES-256-GCM with a random nonce, which goes before the ciphertext."""

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._cipher = AESGCM(key)
        self.fingerprint = hashlib.blake2b(key, digest_size=16, person=b"insitu master").hexdigest()
        """Tells one key from another, and nothing else of it."""
        self._random = random

    @classmethod
    def provision(cls, path: Path, disk: Disk, random: Callable[[int], bytes] = os.urandom) -> "MasterKey":
        """Make the key of a new device."""
        key = random(KEY_BYTES)
        replace(path, key, disk)
        return cls(key, random)

    @classmethod
    def load(cls, path: Path, random: Callable[[int], bytes] = os.urandom) -> "MasterKey":
        """Raises FailedPrecondition when others may read the file, DataLoss when it is gone or of a wrong length."""
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            key = path.read_bytes()
        except FileNotFoundError as error:
            raise DataLoss(f"master key {path} is missing: {give_up()}") from error
        if mode & 0o077:
            raise FailedPrecondition(
                f"master key {path} has mode {mode:04o} and others may read it: run chmod 600 on it",
                reason="MASTER_KEY_EXPOSED",
            )
        if len(key) != KEY_BYTES:
            raise DataLoss(f"master key {path} has {len(key)} bytes, not {KEY_BYTES}: {give_up()}")
        return cls(key, random)

    def wrap(self, plaintext: bytes, associated_data: bytes) -> bytes:
        nonce = self._random(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, associated_data)

    def unwrap(self, wrapped: bytes, associated_data: bytes) -> bytes:
        """Raises DataLoss when the bytes are not what this key wrapped."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], associated_data)
        except (InvalidTag, ValueError) as error:
            raise DataLoss(f"the keyring does not open with this master key: {give_up()}") from error
