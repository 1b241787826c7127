"""Looks at files, the machine and the daemon, for the checks. The only part of the doctor that does."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points, version
from pathlib import Path

from client_lib.control import ControlClient
from client_lib.credentials import CredentialsFile
from client_lib.errors import CredentialsError, DeadlineExceeded, InsituError, Unavailable
from client_lib.locations import Locations, find_control_socket, locate
from context.assembly import PLUGIN_GROUP
from insitu.v1.plan_pb2 import EngineRequirement
from ml_engines.registry import EngineRegistry
from platform_daemon.configuration import BadConfiguration, load
from platform_daemon.doctor import stored
from platform_daemon.doctor.snapshot import Daemon, Disk, Engine, FileFacts, FileKind, Folders, Machine, Snapshot
from platform_daemon.sandbox import readable_folders

PROBE_TIMEOUT_S = 60
_PROBE = """
import json, os, sys
from platform_daemon.sandbox import confine_child, confine_primary
reads, writes = os.pipe()
if not os.fork():
    os.write(writes, json.dumps(confine_primary()).encode())
    os._exit(0)
primary = json.loads(os.read(reads, 65536))
print(json.dumps([primary, confine_child(trainer=True)]))
"""


def observe(
    home: str | None = None,
    file: Path | None = None,
    credentials: Sequence[Path] = (),
    patience_s: float = 10.0,
) -> Snapshot:
    """Look at the device whose home is `home`, else at that of INSITU_HOME or this user. Nothing it finds is raised."""
    locations = locate(home)
    try:
        configuration, bad = load(home=home, file=file), ""
    except BadConfiguration as error:
        configuration, bad = None, str(error)
    daemon, refusal = _daemon(locations.control_socket if home else find_control_socket(), patience_s)
    folders, machine = _folders(locations), _machine()
    runs = daemon is not None or refusal or folders.store_held_by or folders.socket_held_by
    tried = None if runs else configuration
    return Snapshot(
        uid=os.getuid(),
        version=version("insitu"),
        folders=folders,
        configuration=configuration,
        bad_configuration=bad,
        machine=machine,
        daemon=daemon,
        refusal=refusal,
        unopened=stored.refusals(tried) if tried and folders.state.uid == os.getuid() else (),
        unassembled=stored.context_refusal(tried) if tried and not machine.broken_plugins else "",
        credentials=[(path, wrong) for path in credentials if (wrong := _credentials(path))],
    )


def _daemon(socket: Path, patience_s: float) -> tuple[Daemon | None, str]:
    try:
        with ControlClient.connect(socket, patience_s) as control:
            return Daemon(
                status=control.status(),
                apps=tuple(control.apps().apps),
                readings=tuple(control.context().readings),
                sessions=tuple(control.sessions().sessions),
                data=tuple(control.data().apps),
            ), ""
    except (Unavailable, DeadlineExceeded):
        return None, ""
    except InsituError as error:
        return None, error.message


def _folders(locations: Locations) -> Folders:
    store = locations.state / "examples"
    state = _facts(locations.state)
    resolved = locations.state.resolve()
    beneath = next((folder for folder in readable_folders() if resolved.is_relative_to(folder)), None)
    return Folders(
        state=state,
        run=_facts(locations.run),
        socket=_facts(locations.socket),
        control_socket=_facts(locations.control_socket),
        master_key=_facts(store / "master.key"),
        store_format=_facts(store / "format"),
        disk=_disk(locations.state) if state.kind is FileKind.FOLDER else None,
        store_held_by=_holder(store / "lock"),
        socket_held_by=_holder(Path(f"{locations.control_socket}.lock")),
        readable_by_graphs=beneath,
    )


def _facts(path: Path) -> FileFacts:
    """Of what a link points to, as whoever opens it would find it."""
    try:
        found = path.stat()
    except OSError:
        return FileFacts(path)
    kinds = ((stat.S_ISREG, FileKind.FILE), (stat.S_ISDIR, FileKind.FOLDER), (stat.S_ISSOCK, FileKind.SOCKET))
    kind = next((kind for is_kind, kind in kinds if is_kind(found.st_mode)), FileKind.OTHER)
    return FileFacts(path, kind, stat.S_IMODE(found.st_mode), found.st_uid)


def _disk(folder: Path) -> Disk:
    used = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                used += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return Disk(shutil.disk_usage(folder).free, used)


def _holder(lock: Path) -> int | None:
    """Who holds a lock. Asks the kernel for its list, so that no daemon that starts now finds it taken."""
    try:
        found = lock.stat()
        listed = Path("/proc/locks").read_text("ascii")
    except OSError:
        return None
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    # "1: FLOCK  ADVISORY  WRITE 4711 fd:00:1234 0 EOF", see proc_locks(5)
    holders = (line.split() for line in listed.splitlines())
    return next((int(fields[4]) for fields in holders if fields[1:2] == ["FLOCK"] and fields[5] == device), None)


def _machine() -> Machine:
    primary, child, failure = _protections()
    return Machine(
        primary_lacks=primary,
        child_lacks=child,
        probe_failure=failure,
        pidfd=_has_pidfd(),
        user_namespaces=_has_user_namespaces(),
        engines=_engines(),
        broken_plugins=_broken_plugins(),
    )


def _protections() -> tuple[list[str], list[str], str]:
    """What a primary and a child would do without, tried out by a process that ends with it."""
    command = [sys.executable, "-I", "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=True)
        primary, child = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        return [], [], (error.stderr.strip().splitlines() or [f"status {error.returncode}"])[-1]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [], [], str(error)
    return primary, child, ""


def _has_pidfd() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return False
    return True


def _has_user_namespaces() -> bool:
    """As far as the kernel's settings say; a security module may forbid them all the same."""
    settings = (Path("/proc/sys/user/max_user_namespaces"), Path("/proc/sys/kernel/unprivileged_userns_clone"))
    for setting in settings:
        with suppress(OSError, ValueError):
            if int(setting.read_text("ascii")) == 0:
                return False
    return True


def _engines() -> list[Engine]:
    registry = EngineRegistry()
    return [_engine(registry, name) for name in registry.names()]


def _engine(registry: EngineRegistry, name: str) -> Engine:
    try:
        return Engine(name, registry.find(EngineRequirement(name=name)).version())
    except Exception as error:  # noqa: BLE001 - an engine of somebody else's may raise anything
        return Engine(name, failure=type(error.__cause__ or error).__name__)


def _broken_plugins() -> list[tuple[str, str]]:
    broken = []
    for entry in entry_points(group=PLUGIN_GROUP):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            broken.append((entry.name, type(error).__name__))
    return broken


def _credentials(path: Path) -> str:
    try:
        CredentialsFile(path).read()
    except CredentialsError as error:
        return error.message
    return ""
