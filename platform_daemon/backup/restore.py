"""From a backup file to a state folder, while no daemon runs on it.

The folder is made beside the old one and only takes its place when all of it is there, verified and on the medium, and
has been brought in line with what was decided since. So whatever happens in between, the old state is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from context.clock import Clock
from platform_daemon.backup import decisions, swap
from platform_daemon.backup.container import Header
from platform_daemon.backup.contents import Manifest, out_of_order
from platform_daemon.backup.decisions import Carried
from platform_daemon.backup.unpacking import Unpacker
from platform_daemon.errors import DataLoss, FailedPrecondition
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.folder import StoreFolder
from platform_daemon.wholeness import STATE, STORE, check_folder

Progress = Callable[[int], None]
"""Called with the bytes of the file that have been read."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in place now."""

    manifest: Manifest
    records: int
    carried: Carried | None
    """None where there was no state to replace, or a stranger: then consent is withdrawn."""
    replaced_stranger: bool = False
    """The state that was replaced was not of the backup's origin, so that it told nothing of what was decided since."""


def verify(file: BinaryIO, passphrase: str, progress: Progress) -> Manifest:
    """Read a backup to its end and keep nothing. Raises what `restore` does."""
    header = Header.read(file)
    pieces = header.pieces(file, header.stretching.recovery_key(passphrase))
    manifest = _manifest(pieces)
    for _ in pieces:
        progress(file.tell())
    return manifest


def restore(
    file: BinaryIO,
    passphrase: str,
    state: Path,
    clock: Clock,
    progress: Progress,
    *,
    replace: bool = False,
    agree: Callable[[Manifest], None] = lambda manifest: None,
) -> Restored:
    """Put the state of a backup at `state`. With `replace` there may be one already, which is erased in the end.
    `agree` is asked before anything is written, and raises where the owner has second thoughts.

    Raises InvalidArgument for what is no backup, Unauthenticated for a wrong passphrase, DataLoss for a damaged or cut
    file, FailedPrecondition for a later release's, or where there is a state and it is not to be replaced, Unavailable
    while a daemon runs on it. The state is as it was then."""
    header = Header.read(file)
    pieces = header.pieces(file, header.stretching.recovery_key(passphrase))
    manifest = _manifest(pieces)
    # A link stays, and what it leads to is exchanged.
    state = state.resolve()
    with _held(state) as empty:
        if not empty and not replace:
            raise FailedPrecondition(
                f"there is a state in {state} already: add --replace to give it up, or move it away",
                reason="STATE_EXISTS",
            )
        agree(manifest)
        with swap.making(state) as folder:
            records = _unpack(folder, manifest, pieces, lambda: progress(file.tell()))
            check_folder(folder)
            decisions.adopt(folder, manifest.uid, clock)
            stranger = not empty and not decisions.same_origin(state, folder)
            carried = None if empty or stranger else decisions.carry_over(state, folder, clock)
            if carried is None:
                decisions.withdraw_consent(folder, clock)
            swap.take_the_place(folder, state, empty=empty)
    return Restored(manifest, records, carried, stranger)


@contextmanager
def _held(state: Path) -> Iterator[bool]:
    """Keep daemons out of a state folder; whether there is nothing in it."""
    known = (state / STATE, state / STORE / "format", state / STORE / "keyring")
    empty = not any(path.exists() for path in known)
    held = StoreFolder(state / STORE, LocalDisk())
    try:
        yield empty
    finally:
        held.release()


def _unpack(folder: Path, manifest: Manifest, pieces: Iterator[bytes], progress: Callable[[], None]) -> int:
    with closing(Unpacker(folder, manifest)) as unpacker:
        complete = False
        for piece in pieces:
            if complete:
                raise out_of_order()
            try:
                complete = unpacker.take(piece)
            except (TypeError, ValueError) as error:
                raise out_of_order() from error
            progress()
        if not complete:
            raise out_of_order()
        return unpacker.totals.records


def _manifest(pieces: Iterator[bytes]) -> Manifest:
    try:
        return Manifest.read(next(pieces))
    except (KeyError, TypeError, ValueError) as error:
        raise DataLoss(
            "the backup says of itself what this release does not understand: restore it with the release that made it",
            reason="BACKUP_FORMAT",
        ) from error
