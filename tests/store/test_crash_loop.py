"""K1 for the store: kill the process that writes, as often as it takes."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from context.clock import SystemClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place
from tests.store.samples import read

KILLS = 15
ROOT = Path(__file__).parents[2]


@pytest.mark.faults
def test_what_was_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = tmp_path / "store"
    for enclave in range(1, KILLS + 1):
        acknowledged = _write_until_killed(folder, enclave, lines=chance.randrange(1, 400))
        store = LevelDBStore.open(folder, SystemClock())
        for collection in range(1, 5):
            counts = [count for where, count in acknowledged if where == collection]
            _check(store, Place(enclave, collection), sum(counts))
        _check(store, Place(1, 1), 0)
        store.close()


def _write_until_killed(folder: Path, enclave: int, lines: int) -> list[tuple[int, int]]:
    """Kill it once it has acknowledged so many batches; returns all that it acknowledged: collection and count."""
    command = [sys.executable, "-m", "tests.store.crash_writer", str(folder), str(enclave)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        said += writer.stdout.readlines()
    return [(int(line.split()[0]), int(line.split()[2])) for line in said if line.endswith(b"\n")]


def _check(store: LevelDBStore, place: Place, acknowledged: int) -> None:
    """At least what was acknowledged is there, in whole batches, in order, each with its context."""
    stored = read(store, place)
    assert len(stored) >= acknowledged
    assert store.stats(place).examples == len(stored)
    assert [one.sequence for one in stored] == list(range(1, len(stored) + 1))
    expected_number, expected_index = 0, 0
    for one in stored:
        enclave, collection, number, index, count = map(int, one.example.split(b"/"))
        assert (enclave, collection) == (place.enclave, place.collection)
        assert (number, index) == (expected_number, expected_index)
        assert str(number // 5).encode() in one.context["power"]
        expected_number, expected_index = (number, index + 1) if index + 1 < count else (number + 1, 0)
    assert expected_index == 0
