"""What a process gives up at its start. Each function returns what could not be switched on, one string a loss.

Filters are seccomp's, and the threads of gRPC, LiteRT and TensorFlow go on working under them. A filter holds for the
thread that sets it and those that it starts later, so this comes before any thread.
"""

import ctypes
import errno
import importlib.util
import os
import resource
import site
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from platform_daemon.landlock import restrict_files

MAX_ADDRESS_SPACE_BYTES = 8 << 30
"""TensorFlow reserves far more than it uses."""
MAX_OPEN_FILES = 256

_PR_SET_NO_NEW_PRIVS = 38
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_CLASS_IDLE = 3 << 13
_CLONE_THREAD = 0x00010000
_HIGHEST_FAMILY = 63
"""Above all address families that Linux has."""

_OWN_PACKAGES = ("insitu", "ml_engines", "platform_daemon")
"""What children import of Insitu itself; an editable installation has it outside of site-packages."""
_COMMAND_LINE = "/proc/self/cmdline"
# Software, and what numerical libraries ask about the machine. Of /proc/self no more: it has the environment.
_SYSTEM_FILES = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/locale", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/zero", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    _COMMAND_LINE,
    "/sys/devices/system/cpu", "/sys/devices/system/node",
)  # fmt: skip

# Ways into other processes or the kernel that no part of Insitu uses.
_NEVER = (
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "io_uring_setup", "bpf",
    "perf_event_open", "userfaultfd", "kexec_load", "init_module", "finit_module", "mount", "umount2", "pivot_root",
    "setns", "unshare", "keyctl", "add_key", "request_key", "open_by_handle_at",
)  # fmt: skip
# What only a process that serves others needs.
_CHILDREN_NEVER = (
    "execve", "execveat", "fork", "vfork", "connect", "bind", "listen", "accept", "accept4", "tkill",
    "pidfd_open", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "chroot", "symlink", "symlinkat",
    "link", "linkat", "mknod", "mknodat", "setsid",
)  # fmt: skip


def confine_primary() -> list[str]:
    """The primary: no Internet or packet sockets; AF_UNIX and AF_NETLINK stay. Foreign architectures are killed."""
    return _missing(
        ("no new privileges", _no_new_privileges),
        ("core dumps off", _no_core_dumps),
        ("seccomp: Internet sockets are not refused", lambda: _load_filter(_primary_rules)),
    )


def confine_child(*, trainer: bool) -> list[str]:
    """A worker or trainer: no sockets but the inherited one, no programs, no processes, no signals to others; limits
    on memory and files; of the file system, only `readable_folders` to read and nothing to write. The trainer also
    takes the lowest priority for processor and disk."""
    _do_without_files()
    missing = _missing(
        ("no new privileges", _no_new_privileges),
        ("core dumps off", _no_core_dumps),
        ("limits on memory and open files", _limit_resources),
    )
    if trainer:
        missing += _missing(
            ("idle processor priority", _idle_processor),
            ("idle disk priority", _idle_disk),
        )
    return missing + _missing(
        # In this order: to find libseccomp takes files and a program.
        ("seccomp: sockets, programs and tracing are not refused", lambda: _load_filter(_child_rules)),
        (
            "landlock: files of this user can be opened",
            lambda: restrict_files(readable_folders(), [Path(os.devnull)]),
        ),
        # Last, and also where there is no Landlock: to find libseccomp may take a file.
        ("writing files is not refused", lambda: _lower(resource.RLIMIT_FSIZE, 0)),
    )


def readable_folders() -> list[Path]:
    """What a child may read: installed software, and what numerical libraries ask about the machine; resolved.

    Never all of a folder that is merely on `sys.path`, such as a checkout: of that, Insitu's packages alone. An engine
    of another project must therefore be installed into site-packages, not as an editable one.
    """
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    # Shared libraries of interpreters that bring their own.
    places |= {os.path.join(prefix, "lib") for prefix in (sys.base_prefix, sys.base_exec_prefix)}
    places |= {entry for entry in (*sys.path, *site.getsitepackages()) if _is_installed_software(entry)}
    places |= {place for package in _OWN_PACKAGES for place in _folders_of(package)}
    return sorted({Path(place).resolve() for place in (*places, *_SYSTEM_FILES)})


def _is_installed_software(entry: str) -> bool:
    return os.path.basename(entry) in ("site-packages", "dist-packages") or os.path.isfile(entry)


def _folders_of(package: str) -> Iterable[str]:
    # Does not import it: NumPy comes in with the engines, after confinement.
    spec = importlib.util.find_spec(package)
    return spec.submodule_search_locations or () if spec else ()


def _do_without_files() -> None:
    # TensorFlow asks at its import where temporary files would go, and fails where none can be written.
    tempfile.tempdir = os.getcwd()
    # TensorFlow aborts where it cannot read it. Held, since a rule is lost once the kernel drops the name from memory.
    os.open(_COMMAND_LINE, os.O_PATH)
    # Keras imports it where it finds it, and it fails without a folder for its cache.
    sys.modules["matplotlib"] = None  # type: ignore[assignment]


def _missing(*protections: tuple[str, Callable[[], None]]) -> list[str]:
    lost = []
    for what, switch_on in protections:
        try:
            switch_on()
        except (OSError, ValueError, ImportError, RuntimeError, AttributeError) as error:
            lost.append(f"{what} ({error})")
    return lost


def _no_new_privileges() -> None:
    _check(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _no_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_resources() -> None:
    _lower(resource.RLIMIT_AS, MAX_ADDRESS_SPACE_BYTES)
    _lower(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)


def _lower(which: int, wanted: int) -> None:
    _, hard = resource.getrlimit(which)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (limit, limit))


def _idle_processor() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _idle_disk() -> None:
    from pyseccomp import Arch, resolve_syscall

    number = resolve_syscall(Arch.NATIVE, "ioprio_set")
    _check(_libc().syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_CLASS_IDLE))


def _load_filter(add_rules: Callable[[Any, Any], None]) -> None:
    # A library that is only on Linux, and that apps which import this package's errors do not have.
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    rules.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
    for name in _NEVER:
        _refuse(pyseccomp, rules, errno.EPERM, name)
    add_rules(pyseccomp, rules)
    rules.load()


def _primary_rules(seccomp: Any, rules: Any) -> None:
    # All families but two, one by one: a rule may compare an argument once only.
    for family in set(range(_HIGHEST_FAMILY + 1)) - {socket.AF_UNIX, socket.AF_NETLINK}:
        _refuse(seccomp, rules, errno.EAFNOSUPPORT, "socket", seccomp.Arg(0, seccomp.EQ, int(family)))
    _refuse(seccomp, rules, errno.EAFNOSUPPORT, "socket", seccomp.Arg(0, seccomp.GT, _HIGHEST_FAMILY))


def _child_rules(seccomp: Any, rules: Any) -> None:
    _refuse(seccomp, rules, errno.EAFNOSUPPORT, "socket")
    _refuse(seccomp, rules, errno.EAFNOSUPPORT, "socketpair")
    for name in _CHILDREN_NEVER:
        _refuse(seccomp, rules, errno.EPERM, name)
    # Threads yes, processes no. The flags of clone3 are out of a filter's reach: the C library falls back to clone.
    _refuse(seccomp, rules, errno.ENOSYS, "clone3")
    _refuse(seccomp, rules, errno.EPERM, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    # abort() signals its own process.
    for name in ("kill", "tgkill"):
        _refuse(seccomp, rules, errno.EPERM, name, seccomp.Arg(0, seccomp.NE, os.getpid()))
    # The C library asks for its own limits with process 0.
    _refuse(seccomp, rules, errno.EPERM, "prlimit64", seccomp.Arg(0, seccomp.NE, 0))


def _refuse(seccomp: Any, rules: Any, error: int, name: str, *arguments: Any) -> None:
    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    # Negative where this architecture does not have the call.
    if number >= 0:
        rules.add_rule(seccomp.ERRNO(error), number, *arguments)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
