"""A file system of its own for a child process, small enough to fill: tmpfs in a mount namespace, with or without
root."""

import functools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

BALLAST = "ballast"


@functools.cache
def namespaces() -> tuple[str, ...]:
    """What to put before a command so that it may mount; empty where the machine allows none."""
    command = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
    allowed = subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return command if allowed.returncode == 0 else ()


def beneath(folder: Path, size_mib: int, command: Sequence[str]) -> list[str]:
    """The command that runs `command` where `folder` is a file system of that size, which goes with it."""
    script = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && shift 2 && exec "$@"'
    return [*namespaces(), "sh", "-c", script, "sh", str(size_mib), str(folder), *command]


def inside(holder: int, command: Sequence[str]) -> list[str]:
    """The command that runs `command` where that process has its file system."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ["nsenter", "--target", str(holder), *user, "--mount", *command]


def fill(folder: Path, spared_bytes: int = 0) -> None:
    """Leave only so much, whatever room there is."""
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for block in (bytes(65536), bytes(4096)):
            try:
                while file.write(block) == len(block):
                    continue
            except OSError:
                continue
        file.truncate(max(0, file.seek(0, os.SEEK_END) - spared_bytes))


def make_room(folder: Path) -> None:
    (folder / BALLAST).unlink()
