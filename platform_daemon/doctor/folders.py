"""Checks of configuration, files, sockets and disk."""

import os
import shlex
from collections.abc import Iterable

from platform_daemon.doctor.findings import Check, Finding, notice, problem
from platform_daemon.doctor.snapshot import FileFacts, FileKind, Snapshot
from platform_daemon.errors import give_up
from platform_daemon.transport.socket_file import PATH_LIMIT_BYTES

SMALLEST_FREE_BYTES = 64 << 20


def configuration(seen: Snapshot) -> Iterable[Finding]:
    """A file or a variable that the daemon would refuse."""
    if seen.configuration is None:
        message, _, remedy = seen.bad_configuration.rpartition(": ")
        yield problem("configuration", message or seen.bad_configuration, remedy if message else "correct the entry")


def private_folders(seen: Snapshot) -> Iterable[Finding]:
    """Folders of the state and the sockets that are no folders, are not this user's, or that others may enter."""
    for folder, name in ((seen.folders.state, "state"), (seen.folders.run, "run")):
        if not folder.exists:
            continue
        if folder.kind is not FileKind.FOLDER:
            yield problem("folders", f"the {name} folder {folder.path} is no folder", "move it away")
        elif folder.uid != seen.uid:
            yield problem("folders", f"the {name} folder {folder.path} belongs to user {folder.uid}", _own(folder))
        elif folder.mode & 0o077:
            yield problem("folders", f"others may enter the {name} folder {folder.path}", _chmod(0o700, folder))
    if beneath := seen.folders.readable_by_graphs:
        message = f"the state folder lies beneath {beneath}, which every graph may read"
        yield problem("folders", message, "move it elsewhere, by INSITU_HOME or --home")


def master_key(seen: Snapshot) -> Iterable[Finding]:
    """A key that is gone while what it sealed is there, or that others may have."""
    key = seen.folders.master_key
    if not key.exists:
        if seen.folders.store_format.exists:
            message = f"the master key {key.path} is gone, and with it all that is stored"
            yield problem("master-key", message, give_up(seen.folders.state.path))
    elif key.uid != seen.uid:
        yield problem("master-key", f"the master key {key.path} belongs to user {key.uid}", _own(key))
    elif key.mode & 0o077:
        yield problem("master-key", f"others may read the master key {key.path}", _chmod(0o600, key))


def state(seen: Snapshot) -> Iterable[Finding]:
    """What would keep a daemon from starting, in its own words."""
    told_of_key = any(True for _ in master_key(seen))
    for sentence in seen.unopened:
        if not (told_of_key and sentence.startswith("master key ")):
            yield _told("state", sentence)
    if seen.unassembled:
        yield _told("context", seen.unassembled)


def sockets(seen: Snapshot) -> Iterable[Finding]:
    """Sockets that cannot be made, are something else, or that others may connect to."""
    length = len(os.fsencode(seen.folders.socket.path))
    if length > PATH_LIMIT_BYTES:
        message = f"the socket's path has {length} bytes, at most {PATH_LIMIT_BYTES} fit"
        yield problem("socket", message, "choose a shorter one, by INSITU_HOME or --home")
    for socket in (seen.folders.socket, seen.folders.control_socket):
        if not socket.exists:
            continue
        if socket.kind is not FileKind.SOCKET:
            yield problem("socket", f"{socket.path} is no socket", f"mv {shlex.quote(str(socket.path))} elsewhere")
        elif socket.mode & 0o077:
            yield problem("socket", f"others may connect to {socket.path}", _chmod(0o600, socket))


def credentials(seen: Snapshot) -> Iterable[Finding]:
    """Credentials that were named and that an app cannot use."""
    for _, wrong in seen.credentials:
        message, _, remedy = wrong.rpartition("; ")
        yield problem("credentials", message or wrong, remedy if message else "make new ones with: insitu app new")


def disk(seen: Snapshot) -> Iterable[Finding]:
    """Too little room, for the daemon to go on or for what the apps were promised."""
    measured = seen.folders.disk
    if measured is None:
        return
    free = f"{measured.free_bytes >> 20} MiB are free where the state folder is"
    if measured.free_bytes < SMALLEST_FREE_BYTES:
        yield problem("disk", f"{free}: apps will soon be told RESOURCE_EXHAUSTED", _ROOM)
    elif seen.configuration is not None:
        quota = seen.configuration.limits.artifact_quota_bytes
        if measured.free_bytes < quota:
            message = f"{free}, less than the {quota >> 20} MiB of plans and parameters that one app may hand over"
            yield notice("disk", message, f"{_ROOM}, or lower limits.artifact_quota_bytes in insitu.toml")


_ROOM = "make room"


def _told(check: str, sentence: str) -> Finding:
    """A sentence of the daemon's, which ends with the remedy."""
    message, _, remedy = sentence.rpartition(": ")
    return problem(check, message or sentence, remedy if message else "mend that")


def _chmod(mode: int, file: FileFacts) -> str:
    return f"chmod {mode:03o} {shlex.quote(str(file.path))}"


def _own(file: FileFacts) -> str:
    return f"run the daemon as that user, or: sudo chown -R $USER {shlex.quote(str(file.path))}"


CHECKS: tuple[Check, ...] = (configuration, private_folders, master_key, state, sockets, credentials, disk)
