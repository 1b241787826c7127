"""K13 for the store: after an erasure returns, nothing in the folder yields the value.

LevelDB keeps deleted records in its files, so it is not enough that no reader returns them. The tests know every nonce
that was ever used; wherever one is found in any file, they decrypt what follows with every key that is left in the
keyring, in counter mode, so that no tag and no associated data can stand in the way.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from context.clock import ManualClock
from platform_daemon.store.keyring import Keyring
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.master_key import MasterKey
from platform_daemon.store.scope import Selector
from platform_daemon.store.store import ContextPart
from tests.store.crashing_disk import CrashingDisk, PowerCut
from tests.store.samples import FOREIGN, HOUR_MS, TAPS, WORDS, add, features, read

CANARY = b"canary-in-the-example"
CONTEXT_CANARY = "canary-in-the-context"
NONCE_BYTES = 12


class Recorder:
    """A source of randomness that remembers what it gave."""

    def __init__(self) -> None:
        self.nonces: set[bytes] = set()
        self.keys: list[bytes] = []

    def __call__(self, count: int) -> bytes:
        given = os.urandom(count)
        if count == 32:
            self.keys.append(given)
        else:
            self.nonces |= {given[at : at + NONCE_BYTES] for at in range(0, count, NONCE_BYTES)}
        return given


class Device:
    """A store with a value planted in it, and the means to search what it leaves on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.random = Recorder()
        self.disk = CrashingDisk()
        self.store = self.open()

    def open(self) -> LevelDBStore:
        return LevelDBStore.open(self.folder, self.clock, self.random, disk=self.disk)

    def plant(self) -> None:
        context = (ContextPart("power", features(level="80", place=CONTEXT_CANARY)),)
        for number in range(40):
            add(self.store, CANARY + b" %d" % number, place=WORDS, ttl_ms=HOUR_MS, context=context)
            add(self.store, b"unrelated %d" % number, place=TAPS, account=2)
        add(self.store, b"another app's", place=FOREIGN, context=(ContextPart("power", features(level="80")),))

    def found(self) -> set[str]:
        """What a thief of the folder finds. Closes and opens the store, so that log and tables both have been used."""
        self.store.close()
        keys = self._keys_left()
        found = set()
        for file in (path for path in self.folder.rglob("*") if path.is_file()):
            data = file.read_bytes()
            texts = [data]
            for nonce in self.random.nonces:
                at = data.find(nonce)
                while at >= 0:
                    sealed = data[at + NONCE_BYTES : at + NONCE_BYTES + 200]
                    texts += [_decrypt(key, nonce, sealed) for key in keys]
                    at = data.find(nonce, at + 1)
            for text in texts:
                found |= {"example"} if CANARY in text else set()
                found |= {"context"} if CONTEXT_CANARY.encode() in text else set()
        self.store = self.open()
        return found

    def _keys_left(self) -> list[bytes]:
        ring = Keyring.load(self.folder / "keyring", MasterKey.load(self.folder / "master.key"))
        ids = ring.select(Selector())
        return [key for key in self.random.keys if any(_is(ring, key_id, key) for key_id in ids)]


def _is(ring: Keyring, key_id: int, material: bytes) -> bool:
    return ring._keys[key_id].material == material


def _decrypt(key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """AES-GCM without the authentication: the counter of the first block is 2 (NIST SP 800-38D, section 7.1)."""
    return Cipher(AES256(key), CTR(nonce + b"\0\0\0\2")).decryptor().update(ciphertext)


def clear(device: Device) -> None:
    device.store.clear(WORDS)


def clear_account(device: Device) -> None:
    device.store.clear(WORDS, account=1)


def remove_enclave(device: Device) -> None:
    device.store.remove_enclave(1)


def revoke(device: Device) -> None:
    device.store.revoke(1, "power")


def narrow(device: Device) -> None:
    device.store.revoke(1, "power", frozenset({"level"}))


def expire(device: Device) -> None:
    device.clock.advance(2 * 3600)
    device.store.sweep()


def shorten(device: Device) -> None:
    device.clock.advance(60)
    device.store.shorten(WORDS, 30_000)


EVERYTHING = [clear, clear_account, remove_enclave, expire, shorten]
CONTEXT_ONLY = [revoke, narrow]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    device = Device(tmp_path / "store")
    device.plant()
    return device


def test_the_search_finds_what_was_not_erased(device: Device) -> None:
    assert device.found() == {"example", "context"}
    device.store.close()


@pytest.mark.parametrize("erase", EVERYTHING + CONTEXT_ONLY)
def test_no_canary_after_an_erasure(device: Device, erase: Callable[[Device], None]) -> None:
    device.found()
    erase(device)
    left = {"example"} if erase in CONTEXT_ONLY else set()
    assert device.found() == left
    device.store.sweep()
    assert device.found() == left
    assert len(read(device.store, FOREIGN)) == 1
    device.store.close()


@pytest.mark.parametrize("step", CrashingDisk.STEPS)
@pytest.mark.parametrize("erase", [clear, clear_account, remove_enclave, narrow, shorten])
def test_a_crash_in_an_erasure_is_finished_by_opening(
    device: Device, erase: Callable[[Device], None], step: str
) -> None:
    device.disk.crash_at(step)
    with pytest.raises(PowerCut):
        erase(device)
    device.store.close()
    device.store = device.open()
    left = {"example"} if erase is narrow else set()
    assert device.found() == left
    kept = len(read(device.store))
    assert kept == (40 if erase is narrow else 0)
    assert device.store.stats(WORDS).examples == kept
    device.store.close()


@pytest.mark.parametrize("step", CrashingDisk.STEPS)
@pytest.mark.parametrize("erase", [clear, narrow, shorten])
def test_a_failed_erasure_is_finished_before_anything_is_added(
    device: Device, erase: Callable[[Device], None], step: str
) -> None:
    device.disk.crash_at(step)
    with pytest.raises(PowerCut):
        erase(device)
    add(device.store, b"new")
    left = {"example"} if erase is narrow else set()
    assert device.found() == left
    stored = read(device.store)
    assert len(stored) == (41 if erase is narrow else 1)
    assert stored[-1].example == b"new"
    device.store.close()


def test_shortened_examples_live_under_keys_that_end_sooner(device: Device) -> None:
    device.store.shorten(WORDS, 600_000)
    assert len(read(device.store)) == 40
    device.clock.advance(600 + 600 / 32)
    device.store.sweep()
    assert device.found() == set()
    device.store.close()


def test_artifacts_go_with_their_keys(device: Device) -> None:
    sealed = device.store.keyring.seal(1, "artifact:/s/params#1", CANARY)
    (device.folder / "params").write_bytes(sealed)
    device.store.clear(WORDS)
    assert device.found() == {"example"}
    device.store.keyring.destroy_named(1, ["artifact:/s/params#1"])
    assert device.found() == set()
    device.store.close()
