"""Without a daemon: whatever would keep it from starting is told, in its words, and nothing is changed by looking."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from context.clock import SystemClock
from platform_daemon.configuration import LimitsSection
from platform_daemon.doctor import Finding, examine, observe
from platform_daemon.doctor.snapshot import FileKind
from platform_daemon.doctor.stored import check_room
from platform_daemon.errors import ResourceExhausted
from platform_daemon.storage import Storage
from tests.store.samples import add

CONFIGURATION = "config/insitu.toml"
STORE = "state/examples"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a daemon that stored something, some of it in a table, and has ended."""
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / CONFIGURATION).write_text("")
    for number in range(2):
        storage = Storage(home / "state", SystemClock(), LimitsSection())
        for value in range(20):
            add(storage.store, b"%d %d" % (number, value))
        storage.close()
    return home


def flip(path: Path) -> None:
    """In the middle of a log's first record."""
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)


def lose_catalog(home: Path) -> None:
    (home / "state/personal/1").write_text("")
    (home / "state/artifacts.db").unlink()


def one(folder: Path, pattern: str) -> Path:
    return next(folder.glob(pattern))


def configure(text: str) -> Callable[[Path], object]:
    return lambda home: (home / CONFIGURATION).write_text(text)


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "keyring gone": (lambda home: (home / STORE / "keyring").unlink(), "has lost keyring"),
    "keyring damaged": (lambda home: (home / STORE / "keyring").write_bytes(b"x" * 99), "keyring is damaged"),
    "CURRENT gone": (lambda home: (home / STORE / "examples" / "CURRENT").unlink(), "has lost examples/CURRENT"),
    "MANIFEST gone": (lambda home: one(home / STORE, "examples/MANIFEST-*").unlink(), "is damaged"),
    "table gone": (lambda home: one(home / STORE, "examples/*.ldb").unlink(), "is damaged"),
    "log damaged": (lambda home: flip(one(home / STORE, "examples/*.log")), "is damaged"),
    "format gone": (lambda home: (home / STORE / "format").unlink(), "no file named format"),
    "examples gone": (lambda home: (home / STORE).rename(home / "away"), "has lost its example store"),
    "state.db gone": (lambda home: (home / "state/state.db").unlink(), "has lost its state database"),
    "state.db garbage": (lambda home: (home / "state/state.db").write_bytes(b"x" * 4096), "state.db is damaged"),
    "artifacts.db gone": (
        lose_catalog,
        "has lost its catalog of artifacts",
    ),
    "unknown source": (configure('[context]\nsources = { power = "oracle" }\n'), "oracle"),
    "no script": (configure('[context]\nscript = "absent.toml"\n'), "absent.toml cannot be read"),
}


def told(home: Path) -> list[Finding]:
    return [finding for finding in examine(observe(str(home))) if finding.check in ("state", "context")]


@pytest.mark.parametrize("what", BREAKS)
def test_what_keeps_a_daemon_from_starting_is_told_as_it_tells_it(home: Path, what: str) -> None:
    spoil, named = BREAKS[what]
    assert told(home) == []
    spoil(home)
    (trouble,) = told(home)
    said = f"{trouble.message}: {trouble.remedy}"
    assert named in said
    command = [sys.executable, "-m", "platform_daemon", "--home", str(home)]
    daemon = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert daemon.returncode == 1
    assert f"insitud: {said}" in daemon.stderr
    (advice,) = [finding.remedy for finding in examine(observe(str(home))) if finding.check == "daemon"]
    assert advice == "mend what keeps it from starting, then: insitu daemon run"


def test_room_that_recovery_does_not_have(home: Path) -> None:
    check_room(home / "state", 100 << 20)
    with pytest.raises(ResourceExhausted, match="3 MiB free, and to recover the example store takes 4: make room"):
        check_room(home / "state", 3 << 20)


def contents(folder: Path) -> Iterator[tuple[str, int, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()


def test_looking_changes_nothing_and_leaves_nothing(home: Path) -> None:
    before = list(contents(home))
    snapshot = observe(str(home))
    assert snapshot.folders.state.kind is FileKind.FOLDER
    assert snapshot.unopened == []
    assert list(contents(home)) == before
