"""The data keys, in one small file outside the database. Destroying a key here is what deletes data.

LevelDB keeps deleted bytes in its files for as long as it likes, so deletion is cryptographic: whatever is stored is
sealed by a key of its scope (`scope.py`), and erasure rewrites this file without the keys. On return from `destroy`
nothing that the state folder still holds opens what they sealed.

The file, all integers big-endian:

    8 B  magic  b"INSITUKR"
    2 B  format version, 1
    12 B nonce
    ...  AES-256-GCM under the master key; magic and version are associated data. Inside:
         8 B  next key id
         4 B  number of keys, then for each
              8 B id | 1 B kind | 4 B enclave | 4 B account | 4 B collection | 8 B bucket end, Unix ms
              2 B length of part | part, UTF-8 | 32 B key

It is replaced as a whole (`atomic_file.py`). What holds always:

- a key is in the durable file before anything is sealed with it;
- ids are never used twice, so a record of a destroyed key can never be taken for one of a later key;
- a key seals in one life of the process only, and far fewer than 2**32 records, since nonces are random: what is loaded
  from the file opens and never seals;
- Python cannot overwrite immutable bytes: a destroyed key is dropped from memory, not wiped in place.
"""

import os
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_daemon.errors import DataLoss, NotFound, Unavailable, give_up
from platform_daemon.store.atomic_file import Disk, LocalDisk, discard_temporary, replace
from platform_daemon.store.master_key import KEY_BYTES, NONCE_BYTES, MasterKey
from platform_daemon.store.scope import NEVER_MS, Kind, Scope, Selector

_PREAMBLE = struct.Struct(">8sH")
_MAGIC = b"INSITUKR"
_VERSION = 1
_COUNTS = struct.Struct(">QI")
_ENTRY = struct.Struct(">QBIIIQH")
_SEALED = struct.Struct(">BQ")
_SEALED_VERSION = 1

SEALS_PER_KEY = 2**28
"""Sixteen times below the 2**32 random nonces that NIST SP 800-38D allows one key."""


class Key:
    """One data key. `seals` counts what it has sealed; a key from the file seals nothing more."""

    __slots__ = ("cipher", "id", "material", "scope", "seals")

    def __init__(self, key_id: int, scope: Scope, material: bytes) -> None:
        self.id = key_id
        self.scope = scope
        self.material = material
        self.cipher = AESGCM(material)
        self.seals = 0


class Keyring:
    """All methods may be called from several threads. Looking a key up takes no lock."""

    def __init__(
        self,
        path: Path,
        master: MasterKey,
        keys: Iterable[Key],
        next_id: int,
        *,
        disk: Disk,
        random: Callable[[int], bytes],
        seals_per_key: int,
    ) -> None:
        """Private: use `provision` or `load`."""
        self._path = path
        self._master = master
        self._disk = disk
        self._random = random
        self._seals_per_key = seals_per_key
        self._lock = threading.Lock()
        self._keys = {key.id: key for key in keys}
        self._sealing: dict[Scope, Key] = {}
        self._next_id = next_id
        self._open = True
        self.destructions = 0
        """Grows with every erasure: who holds anything unsealed looks again when this has changed."""

    @classmethod
    def provision(
        cls,
        path: Path,
        master: MasterKey,
        *,
        disk: Disk | None = None,
        random: Callable[[int], bytes] = os.urandom,
        seals_per_key: int = SEALS_PER_KEY,
    ) -> "Keyring":
        """Write the empty keyring of a new device."""
        ring = cls(path, master, (), 1, disk=disk or LocalDisk(), random=random, seals_per_key=seals_per_key)
        ring._save(ring._keys, 1)
        return ring

    @classmethod
    def load(
        cls,
        path: Path,
        master: MasterKey,
        *,
        disk: Disk | None = None,
        random: Callable[[int], bytes] = os.urandom,
        seals_per_key: int = SEALS_PER_KEY,
    ) -> "Keyring":
        """Raises DataLoss when the file is missing, damaged, or of another master key."""
        discard_temporary(path)
        try:
            keys, next_id = _decode(path.read_bytes(), master)
        except FileNotFoundError as error:
            raise DataLoss(f"keyring {path} is missing: {give_up(path.parent.parent)}") from error
        return cls(path, master, keys, next_id, disk=disk or LocalDisk(), random=random, seals_per_key=seals_per_key)

    def sealing_keys(self, scopes: Sequence[Scope], seals: int = 1) -> list[Key]:
        """The keys to seal with, one for each scope in order, each for `seals` more records. Missing ones are made,
        all in one durable write."""
        keys = [key for scope in scopes if (key := self._sealing.get(scope)) is not None and self._lasts(key, seals)]
        if len(keys) != len(scopes):
            with self._lock:
                fresh = {
                    scope
                    for scope in scopes
                    if (key := self._sealing.get(scope)) is None or not self._lasts(key, seals)
                }
                self._make(fresh)
                keys = [self._sealing[scope] for scope in scopes]
        for key in keys:
            key.seals += seals
        return keys

    def can_seal(self, scopes: Sequence[Scope], seals: int = 1) -> bool:
        """Whether the keys are there, so that `sealing_keys` has nothing to write."""
        return all((key := self._sealing.get(scope)) is not None and self._lasts(key, seals) for scope in scopes)

    def renew(self, scopes: Iterable[Scope]) -> None:
        """Make new sealing keys for these scopes in one durable write; the earlier ones go on opening."""
        with self._lock:
            self._make(set(scopes))

    def retire(self) -> int:
        """Let no key that there is seal any more; returns the id of the next."""
        with self._lock:
            self._sealing = {}
            return self._next_id

    def cipher(self, key_id: int) -> AESGCM | None:
        """What opens records of this key; None once it is destroyed."""
        key = self._keys.get(key_id)
        return None if key is None else key.cipher

    def select(self, selector: Selector) -> dict[int, Scope]:
        """The living keys that a selector takes, by id."""
        with self._lock:
            return {key.id: key.scope for key in self._keys.values() if selector.takes(key.id, key.scope)}

    def destroy(self, selector: Selector) -> dict[int, Scope]:
        """Destroy keys, durably on return; returns what they were. After an error they may be there or not: repeat."""
        with self._lock:
            self._check_open()
            doomed = {key.id: key.scope for key in self._keys.values() if selector.takes(key.id, key.scope)}
            if doomed:
                left = {key_id: key for key_id, key in self._keys.items() if key_id not in doomed}
                # Also if the write fails: it may have got as far as the file, and what is not there must not seal.
                self._sealing = {scope: key for scope, key in self._sealing.items() if key.id not in doomed}
                self._save(left, self._next_id)
                self._keys = left
                self.destructions += 1
            return doomed

    def follow(self, later: "Keyring") -> int:
        """Destroy the keys that a later state of this ring has destroyed, and give no id that it has given; returns how
        many keys that took. Durable on return."""
        with self._lock:
            self._check_open()
            gone = {key_id for key_id in self._keys if key_id < later._next_id and key_id not in later._keys}
            left = {key_id: key for key_id, key in self._keys.items() if key_id not in gone}
            next_id = max(self._next_id, later._next_id)
            self._sealing = {scope: key for scope, key in self._sealing.items() if key.id not in gone}
            self._save(left, next_id)
            self._keys, self._next_id = left, next_id
            self.destructions += 1
            return len(gone)

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes:
        """Seal something that an enclave owns outside the database, under a key of that name alone.

        Put the version into the name (`artifact:/session/params#3`): the name is associated data, so one version
        cannot pass for another, and `destroy_named` erases just that one. At most 2 GiB."""
        (key,) = self.sealing_keys([_named(enclave, name)])
        header = _SEALED.pack(_SEALED_VERSION, key.id)
        nonce = self._random(NONCE_BYTES)
        return header + nonce + key.cipher.encrypt(nonce, plaintext, _named_data(header, enclave, name))

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes:
        """Raises NotFound when its key was destroyed, DataLoss when these are not the bytes sealed under that name,
        Unavailable once closed."""
        try:
            version, key_id = _SEALED.unpack_from(sealed)
        except struct.error:
            version, key_id = 0, 0
        if version != _SEALED_VERSION:
            raise DataLoss(f"{name} is damaged: remove it and produce it again")
        cipher = self.cipher(key_id)
        if cipher is None:
            self._check_open()
            raise NotFound(f"{name} was erased: produce it again")
        start = _SEALED.size + NONCE_BYTES
        try:
            associated_data = _named_data(sealed[: _SEALED.size], enclave, name)
            return cipher.decrypt(sealed[_SEALED.size : start], sealed[start:], associated_data)
        except (InvalidTag, ValueError) as error:
            raise DataLoss(f"{name} is damaged: remove it and produce it again") from error

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int:
        """Erase what was sealed under these names, durably on return; returns how many keys that took."""
        chosen = Selector(kinds=frozenset({Kind.NAMED}), enclave=enclave, parts=frozenset(names))
        return len(self.destroy(chosen))

    def close(self) -> None:
        """Drop every key from memory; the file stays. Nothing opens or seals afterwards. Repeatable."""
        with self._lock:
            self._open = False
            self._keys = {}
            self._sealing = {}
            self.destructions += 1

    def _check_open(self) -> None:
        """Once closed, memory has no keys: nothing may be taken for erased because of that, nor the file rewritten."""
        if not self._open:
            raise Unavailable("the keyring is closed: repeat when the daemon is back", reason="STORE_CLOSED")

    def _lasts(self, key: Key, seals: int) -> bool:
        return key.seals + seals <= self._seals_per_key

    def _make(self, scopes: set[Scope]) -> None:
        """With the lock held. The scopes become sealable only once the file is durable."""
        if not scopes:
            return
        ids = range(self._next_id, self._next_id + len(scopes))
        made = [Key(key_id, scope, self._random(KEY_BYTES)) for key_id, scope in zip(ids, sorted(scopes), strict=True)]
        keys = self._keys | {key.id: key for key in made}
        self._save(keys, ids.stop)
        self._keys = keys
        self._next_id = ids.stop
        self._sealing.update((key.scope, key) for key in made)

    def _save(self, keys: dict[int, Key], next_id: int) -> None:
        self._check_open()
        preamble = _PREAMBLE.pack(_MAGIC, _VERSION)
        plaintext = bytearray(_COUNTS.pack(next_id, len(keys)))
        for key in keys.values():
            kind, enclave, account, collection, part, bucket_end = key.scope
            name = part.encode()
            plaintext += _ENTRY.pack(key.id, kind, enclave, account, collection, bucket_end, len(name))
            plaintext += name + key.material
        replace(self._path, preamble + self._master.wrap(bytes(plaintext), preamble), self._disk)


def _decode(data: bytes, master: MasterKey) -> tuple[list[Key], int]:
    preamble = data[: _PREAMBLE.size]
    if preamble != _PREAMBLE.pack(_MAGIC, _VERSION):
        raise DataLoss(f"the keyring is damaged or of an unknown version: {give_up()}")
    plaintext = master.unwrap(data[_PREAMBLE.size :], preamble)
    next_id, count = _COUNTS.unpack_from(plaintext)
    offset = _COUNTS.size
    keys = []
    for _ in range(count):
        key_id, kind, enclave, account, collection, bucket_end, length = _ENTRY.unpack_from(plaintext, offset)
        offset += _ENTRY.size
        part = plaintext[offset : offset + length].decode()
        offset += length
        scope = Scope(Kind(kind), enclave, account, collection, part, bucket_end)
        keys.append(Key(key_id, scope, plaintext[offset : offset + KEY_BYTES]))
        offset += KEY_BYTES
    return keys, next_id


def _named(enclave: int, name: str) -> Scope:
    return Scope(Kind.NAMED, enclave, 0, 0, name, NEVER_MS)


def _named_data(header: bytes, enclave: int, name: str) -> bytes:
    return header + struct.pack(">I", enclave) + name.encode()
