"""What a fault may leave: read from the state folder of a stopped daemon, and from the machine around a running one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from context import ContextRegistry, SystemClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Scan, StoredExample
from tests.daemon.harness import Daemon

CONTEXT_TYPES = frozenset(spec.name for spec in ContextRegistry())


@contextmanager
def opened_store(daemon: Daemon) -> Iterator[LevelDBStore]:
    """The example store of a daemon that does not run."""
    store = LevelDBStore.open(daemon.home / "state" / "examples", SystemClock())
    try:
        yield store
    finally:
        store.close()


def stored(daemon: Daemon, store: LevelDBStore, package: str, collection: str) -> list[StoredExample]:
    """All that lives in a collection, with its context, in the order in which it was added."""
    place = daemon.place(package, collection)
    return sorted(store.scan(Scan(place, context_types=CONTEXT_TYPES)), key=lambda one: one.sequence)


def children(daemon: Daemon) -> list[psutil.Process]:
    """Workers and trainers that this home's daemon started and that still live, whoever is their parent now."""
    scratch = str(daemon.home / "state" / "scratch")
    return [process for process in psutil.process_iter() if _home_of(process).startswith(scratch)]


def litter(daemon: Daemon) -> list[str]:
    """What must not be there while the daemon runs and nobody trains or predicts."""
    state = daemon.home / "state"
    found = [f"file {path.relative_to(state)}" for path in _files(state / "checkpoints")]
    found += [f"scratch {path.name}" for path in (state / "scratch").iterdir()]
    return found + [f"process {process.pid}" for process in children(daemon)]


def ended_in_order(daemon: Daemon) -> list[str]:
    """Stop the daemon; returns what was wrong with its end, and what it has complained of in all its lives."""
    status = daemon.stop()
    lines = daemon.log.read_text().splitlines()
    complaints = [f"in its log: {line}" for line in lines if not _is_expected(line)]
    return [f"the daemon ended with status {status}", *complaints] if status else complaints


def _is_expected(line: str) -> bool:
    """Children end because somebody killed them; all other warnings are complaints, and so is what is no line of a
    log."""
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return bool(entry["level"] in ("debug", "info") or entry["event"] == "child_ended")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "") if "platform_daemon.children" in " ".join(process.cmdline()) else ""
    except psutil.Error:
        return ""
