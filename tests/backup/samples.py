"""A device's state with something of everything, and backups of it without a daemon."""

import io
import os
from pathlib import Path

from context.clock import ManualClock
from platform_daemon.backup.container import Sealer, Stretching
from platform_daemon.backup.restore import Restored, restore
from platform_daemon.backup.sessions import Backups
from platform_daemon.backup.snapshot import Snapshot
from platform_daemon.configuration import LimitsSection
from platform_daemon.storage import Storage

PASSPHRASE = "correct horse battery staple"
QUICK = Stretching(b"salt of 16 bytes", log2_n=10)
"""So that tests need not wait for what is slow on purpose."""


def opened(state: Path, clock: ManualClock | None = None) -> Storage:
    return Storage(state, clock or ManualClock(), LimitsSection())


def backups_of(storage: Storage, clock: ManualClock | None = None) -> Backups:
    now = clock or ManualClock()
    return Backups(lambda: Snapshot.take(storage, release="0.1.0", made_ms=now.now_ms()), now)


def backup(storage: Storage) -> bytes:
    """A whole backup file."""
    backups = backups_of(storage)
    token, _ = backups.begin(QUICK.recovery_key(PASSPHRASE), QUICK)
    file, number, last = bytearray(), 0, False
    while not last:
        page = backups.read(token, number)
        file += page.data
        number, last = number + 1, page.last
    backups.end(token)
    return bytes(file)


def sealed(pieces: list[bytes]) -> bytes:
    """A backup file that holds these pieces, whatever they are."""
    sealer = Sealer(QUICK.recovery_key(PASSPHRASE), QUICK, os.urandom)
    chunks = [sealer.chunk(piece, last=number == len(pieces)) for number, piece in enumerate(pieces, 1)]
    return sealer.header + b"".join(chunks)


def restored(file: bytes, state: Path, *, replace: bool = False, passphrase: str = PASSPHRASE) -> Restored:
    return restore(io.BytesIO(file), passphrase, state, ManualClock(), lambda read_bytes: None, replace=replace)
