"""Starts the daemon as the unit's filters would: `python confined_launcher.py UNIT ARGUMENTS…`.

The names in systemd's groups are asked of systemd itself; what the filters do is seccomp's work, here as there.
"""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pyseccomp


def refused_calls(groups: list[str]) -> set[str]:
    """The system calls in groups of systemd, groups within them included."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", *groups], capture_output=True, text=True, check=True)
    words = {line.strip() for line in done.stdout.splitlines()}
    nested = {word for word in words if word.startswith("@")} - set(groups)
    calls = {word for word in words if word.replace("_", "").isalnum()}
    return calls | (refused_calls(sorted(nested)) if nested else set())


def main() -> None:
    lines = (line.partition("=") for line in Path(sys.argv[1]).read_text().splitlines() if not line.startswith("#"))
    unit = {name: value for name, _, value in lines}
    groups = unit["SystemCallFilter"].removeprefix("~").split()
    allowed = {int(getattr(socket, family)) for family in unit["RestrictAddressFamilies"].split()}
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in sorted(refused_calls(groups)):
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if number >= 0:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), number)
    for family in set(range(64)) - allowed:
        rules.add_rule(pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    rules.load()
    os.execv(sys.executable, [sys.executable, "-m", "platform_daemon", *sys.argv[2:]])


if __name__ == "__main__":
    main()
