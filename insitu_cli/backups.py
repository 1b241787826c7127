"""Backups, as the command line writes and restores them, and the passphrase that seals them."""

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from insitu_cli import output

if TYPE_CHECKING:
    from client_lib.control import ControlClient
    from platform_daemon.backup.contents import Manifest

PASSPHRASE_VARIABLE = "INSITU_BACKUP_PASSPHRASE"
_PART = re.compile(r"\..+\.([0-9]+)\.part")

passphrase_option = click.option(
    "--passphrase-file", metavar="FILE", help="Take the passphrase from the first line of a file; - for standard input."
)


@dataclass(frozen=True, slots=True)
class Written:
    """A backup file that is complete and on the medium."""

    size_bytes: int
    made_ms: int
    packages: tuple[str, ...]


def passphrase(file: str | None, *, confirm: bool) -> str:
    """From the first line of a file, "-" for standard input; from the environment; else asked for. Never from the
    command line, which every process of the machine can read."""
    if file is not None:
        try:
            with click.open_file(file, encoding="utf-8") as opened:
                return str(opened.readline()).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise click.ClickException(
                f"{file}: the passphrase is not UTF-8: write it as text, in the first line"
            ) from error
    if PASSPHRASE_VARIABLE in os.environ:
        return os.environ[PASSPHRASE_VARIABLE]
    asked: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return asked


def write(control: "ControlClient", path: Path, secret: str) -> Written:
    """Have the daemon back up, and write what it seals to a new file, which appears whole or not at all.

    Raises OSError with the file's name, InsituError, DaemonError for a passphrase that is too short."""
    try:
        return _write(control, path, secret)
    except OSError as error:
        if error.filename is not None:
            raise
        # Of a descriptor: a disk that is full or fails.
        raise OSError(error.errno, os.strerror(error.errno or errno.EIO), str(path)) from error


def _write(control: "ControlClient", path: Path, secret: str) -> Written:
    from insitu.v1.control_pb2 import KeyStretching
    from platform_daemon.backup.container import SALT_BYTES, Stretching

    if path.exists():
        raise FileExistsError(errno.EEXIST, "exists already: choose another name, or remove it", str(path))
    stretching = Stretching(os.urandom(SALT_BYTES))
    key = stretching.recovery_key(secret)
    numbers = KeyStretching(salt=stretching.salt, log2_n=stretching.log2_n, r=stretching.r, p=stretching.p)
    _clear_stale_parts(path.parent)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            begun = control.begin_backup(key, numbers)
            try:
                with output.measured(f"writing {path}", begun.size_bytes) as progress:
                    number, last = 0, False
                    while not last:
                        page = control.read_backup(begun.backup, number)
                        file.write(page.data)
                        progress(page.done_bytes)
                        number, last = number + 1, page.last
            finally:
                control.end_backup(begun.backup)
            file.flush()
            os.fsync(file.fileno())
            size_bytes = file.tell()
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)
    return Written(size_bytes, begun.made_ms, tuple(begun.packages))


def _clear_stale_parts(folder: Path) -> None:
    """Remove what killed backups left here. A process of another machine, whose folder this is too, is known by its
    lock."""
    from platform_daemon.backup.container import MAGIC

    for part in folder.glob(".*.part"):
        named = _PART.fullmatch(part.name)
        if named is None or Path("/proc", named[1]).exists() or not part.is_file():
            continue
        with suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.read(len(MAGIC)) in (MAGIC, b""):
                part.unlink()


def verified(file: BinaryIO, secret: str, size_bytes: int) -> dict[str, Any]:
    """Read a backup to its end; returns what it says of itself. Raises DaemonError."""
    from platform_daemon.backup.restore import verify

    with output.measured("verifying", size_bytes) as progress:
        return asdict(verify(file, secret, progress))


def restored(file: BinaryIO, secret: str, size_bytes: int, *, replace: bool, ask: bool) -> dict[str, Any]:
    """Put a backup in place of this device's state, if the owner agrees; returns what that did. Raises DaemonError."""
    from client_lib.locations import locate
    from context.clock import SystemClock
    from platform_daemon.backup.restore import restore

    state = locate().state
    meter: list[Callable[[int], None]] = []
    with ExitStack() as stack:

        def agree(manifest: "Manifest") -> None:
            if ask:
                click.confirm(_question(manifest, state, replace), abort=True, err=True)
            meter.append(stack.enter_context(output.measured(f"restoring {state}", size_bytes)))

        def progress(read_bytes: int) -> None:
            meter[0](read_bytes)

        done = restore(file, secret, state, SystemClock(), progress, replace=replace, agree=agree)
    return {"state": str(state), **asdict(done)}


def _question(manifest: "Manifest", state: Path, replace: bool) -> str:
    made = f"the state of {output.when(manifest.made_ms)} ({output.count(len(manifest.packages), 'app')})"
    if replace:
        return f"Give up what is in {state} for {made}?"
    return f"Restore {made}? What was erased, revoked or removed since then comes back"


def report(shown: dict[str, Any]) -> Iterator[str]:
    """What was restored, line by line, and what is to be done next."""
    manifest, carried = shown["manifest"], shown["carried"]
    yield f"restored {shown['state']} as of {output.when(manifest['made_ms'])}"
    if shown["replaced_stranger"]:
        yield "the state that was there was not of this backup's origin: nothing of it was carried over"
    if carried is None:
        yield "what was erased, revoked or removed since then is back: see insitu permissions list, insitu data show"
        yield "consent is withdrawn from every app; start the daemon, then: insitu consent give PACKAGE"
        return
    if carried["erased_keys"]:
        yield f"{output.count(carried['erased_keys'], 'key')} destroyed since then stayed destroyed"
    for package in carried["removed_apps"]:
        yield f"{package} stays removed"
    for scope in carried["narrowed"]:
        yield f"stays revoked: {scope}"
    for what in carried["unreadable"]:
        yield f"not known any more from {what}"
    yield "start the daemon with: insitu daemon run"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
