"""An engine that tries all that a process should not be able to, wherever it is loaded, and tells what went through.

Installed as another project's plug-in would be, see `tests.faults.plugins`: it imports nothing of the tests. Its graph
is JSON: `files` to open, `primary`, a process id to trace.
"""

import ctypes
import json
import os
import socket
from collections.abc import Callable

import pyseccomp

from ml_engines.errors import GraphRejected

_PTRACE_ATTACH = 16
_SIGTERM = 15


class HostileEngine:
    name = "hostile"

    def version(self) -> str:
        return "1"

    def load(self, graph: bytes) -> object:
        """Raises GraphRejected in any case, with the number of attempts and those that went through as JSON."""
        attempts = _attempts(json.loads(graph))
        through = [name for name, attempt in attempts.items() if _goes_through(attempt)]
        raise GraphRejected(json.dumps({"attempts": len(attempts), "through": through}))


def _attempts(target: dict[str, object]) -> dict[str, Callable[[], object]]:
    primary = int(str(target["primary"]))
    attempts: dict[str, Callable[[], object]] = {
        f"socket {family.name} {kind.name}": _opening_socket(family, kind)
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW)
    }
    for path in list(target["files"]):  # type: ignore[call-overload]
        attempts[f"read {path}"] = _opening_file(path, os.O_RDONLY)
        attempts[f"write {path}"] = _opening_file(path, os.O_WRONLY | os.O_CREAT)
    attempts |= {
        "io_uring_setup": _calling("io_uring_setup", 4, None),
        "ptrace": _calling("ptrace", _PTRACE_ATTACH, primary, 0, 0),
        "process_vm_readv": _calling("process_vm_readv", primary, 0, 0, 0, 0, 0),
        "pidfd_open": _calling("pidfd_open", primary, 0),
        "kill": lambda: os.kill(primary, _SIGTERM),
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "memory of the primary": _opening_file(f"/proc/{primary}/mem", os.O_RDONLY),
        "environment of the primary": _opening_file(f"/proc/{primary}/environ", os.O_RDONLY),
        "descriptors of the primary": lambda: os.listdir(f"/proc/{primary}/fd"),
    }
    return attempts


def _opening_socket(family: socket.AddressFamily, kind: socket.SocketKind) -> Callable[[], object]:
    return lambda: socket.socket(family, kind)


def _opening_file(path: object, flags: int) -> Callable[[], object]:
    return lambda: os.open(str(path), flags, 0o600)


def _calling(name: str, *arguments: object) -> Callable[[], object]:
    def call() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return call


def _goes_through(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True
