"""What the doctor has seen: values only, so that a check can be tried with any of them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from insitu.v1 import control_pb2
from platform_daemon.configuration import Configuration


class FileKind(enum.Enum):
    """What is at a path."""

    MISSING = "missing"
    FILE = "file"
    FOLDER = "folder"
    SOCKET = "socket"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A path, and what was found there. Links are followed."""

    path: Path
    kind: FileKind = FileKind.MISSING
    mode: int = 0
    """Permission bits alone."""
    uid: int = 0

    @property
    def exists(self) -> bool:
        return self.kind is not FileKind.MISSING


@dataclass(frozen=True, slots=True)
class Disk:
    """Of the disk that the state folder is on."""

    free_bytes: int
    used_bytes: int
    """By the state folder."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The places of the device, as they are. Locks are held by pids, None where by nobody."""

    state: FileFacts
    run: FileFacts
    socket: FileFacts
    control_socket: FileFacts
    master_key: FileFacts
    store_format: FileFacts
    disk: Disk | None = None
    """None where the state folder does not exist."""
    store_held_by: int | None = None
    socket_held_by: int | None = None
    readable_by_graphs: Path | None = None
    """A folder that every graph may read and that the state folder lies beneath."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kernel and the installation offer."""

    primary_lacks: Sequence[str] = ()
    """As `confine_primary` says it."""
    child_lacks: Sequence[str] = ()
    """As `confine_child` says it of a trainer."""
    probe_failure: str = ""
    """Why the above is not known."""
    pidfd: bool = True
    user_namespaces: bool = True
    engines: Sequence["Engine"] = ()
    broken_plugins: Sequence[tuple[str, str]] = ()
    """Name of a context source, and the type of the error that it raises when it is loaded."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One that is registered, and whether it loads."""

    name: str
    version: str = ""
    """Empty where it does not load."""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Daemon:
    """What a running daemon answers."""

    status: control_pb2.DaemonStatus
    apps: Sequence[control_pb2.AppRecord] = ()
    readings: Sequence[control_pb2.ContextReading] = ()
    sessions: Sequence[control_pb2.AppSession] = ()
    data: Sequence[control_pb2.AppData] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the checks look at."""

    uid: int
    version: str
    """Of this installation."""
    folders: Folders
    configuration: Configuration | None
    """None where the file cannot be used."""
    bad_configuration: str = ""
    machine: Machine = field(default_factory=Machine)
    daemon: Daemon | None = None
    """None where none answers."""
    refusal: str = ""
    """What the daemon answered instead."""
    unopened: Sequence[str] = ()
    """What a daemon would say of the state folder instead of starting. Tried where none runs."""
    unassembled: str = ""
    """And of its sources of context."""
    credentials: Sequence[tuple[Path, str]] = ()
    """Files of apps that were named, and what is wrong with each."""
