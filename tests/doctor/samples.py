"""A device on which nothing is wrong, to be spoilt one thing at a time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from client_lib.locations import locate
from insitu.v1 import control_pb2 as pb
from insitu.v1.example_pb2 import Features
from platform_daemon.configuration import Configuration
from platform_daemon.doctor.snapshot import (
    Daemon,
    Disk,
    Engine,
    FileFacts,
    FileKind,
    Folders,
    Machine,
    Snapshot,
)

HOME = "/device"
LOCATIONS = locate(HOME)
UID = 1000
PACKAGE = "com.example.keyboard"


def facts(path: Path | str, kind: FileKind, mode: int, uid: int = UID) -> FileFacts:
    return FileFacts(Path(path), kind, mode, uid)


FOLDERS = Folders(
    state=facts(LOCATIONS.state, FileKind.FOLDER, 0o700),
    run=facts(LOCATIONS.run, FileKind.FOLDER, 0o700),
    socket=facts(LOCATIONS.socket, FileKind.SOCKET, 0o600),
    control_socket=facts(LOCATIONS.control_socket, FileKind.SOCKET, 0o600),
    master_key=facts(LOCATIONS.state / "examples" / "master.key", FileKind.FILE, 0o600),
    store_format=facts(LOCATIONS.state / "examples" / "format", FileKind.FILE, 0o600),
    disk=Disk(free_bytes=100 << 30, used_bytes=1 << 20),
    store_held_by=4711,
    socket_held_by=4711,
)


def reading(type: str, source: str = "sysfs", **values: int) -> pb.ContextReading:
    features = Features()
    for name, value in values.items():
        features.feature[name].int64_list.value.append(value)
    return pb.ContextReading(type=type, source=source, features=features)


READINGS = (reading("power", charging=1), reading("activity", user_idle=0), reading("day", hour=3))
DAEMON = Daemon(
    status=pb.DaemonStatus(version="0.1.0", pid=4711),
    apps=(pb.AppRecord(package=PACKAGE, state=pb.REGISTERED, consent=True),),
    readings=READINGS,
)
WELL = Snapshot(
    uid=UID,
    version="0.1.0",
    folders=FOLDERS,
    configuration=Configuration(LOCATIONS),
    machine=Machine(engines=(Engine("litert", "2.1.0"), Engine("tensorflow", failure="ModuleNotFoundError"))),
    daemon=DAEMON,
)


def spoilt(**changes: Any) -> Snapshot:
    """WELL with other fields; "folders__run" is a field of a field."""
    found = WELL
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        part = replace(getattr(found, outer), **{inner: value}) if inner else value
        found = replace(found, **{outer: part})
    return found
