"""Which plug-ins are installed beside this one."""

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

_DISTRIBUTIONS = (".dist-info", ".egg-info")


def entry_points_of(group: str) -> "Iterable[EntryPoint]":
    """The entry points of a group, of all distributions on the import path.

    Python's own way to them reads mail headers, and takes a tenth of the daemon's start to load; where no distribution
    so much as names the group it stays out.
    """
    if not _may_be_there(group):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=group)


def _may_be_there(group: str) -> bool:
    """False only where nobody can have an entry point of the group."""
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    return any(_names(folder or ".", group.encode()) for folder in dict.fromkeys(sys.path))


def _names(folder: str, group: bytes) -> bool:
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(
        _file_names(f"{folder}/{entry}/entry_points.txt", group) for entry in entries if entry.endswith(_DISTRIBUTIONS)
    )


def _file_names(path: str, group: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return group in file.readall()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
