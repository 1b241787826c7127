"""K3 for the store: a full disk refuses, loses nothing, and is forgotten once there is room."""

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import DaemonError, DataLoss, ResourceExhausted, Unavailable
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.disk_errors import number_in, refusal
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.renewal import PAUSE_S
from platform_daemon.store.store import Scan
from tests.store.samples import FOREIGN, POWER, WORDS, add, read, values
from tests.store.small_disk import beneath, namespaces

ROOT = Path(__file__).parents[2]
EXAMPLE = b"x" * 3000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@contextmanager
def full(folder: Path, spared_bytes: int = 1000) -> Iterator[None]:
    """No file of this process grows beyond what the log has now and a little more. A write ends in the middle."""
    log = max(folder.glob("examples/*.log"), key=lambda path: path.stat().st_size)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + spared_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class RefusingDisk(LocalDisk):
    """Has no room for as long as it is told so."""

    def __init__(self) -> None:
        self.refuses_with: int | None = None
        self.asked = 0

    def reserve(self, folder: Path, size_bytes: int) -> None:
        self.asked += 1
        if self.refuses_with is not None:
            raise OSError(self.refuses_with, "refused")


def fail_a_write(store: LevelDBStore, folder: Path) -> None:
    with full(folder), pytest.raises(ResourceExhausted, match="no room for examples") as caught:
        add(store, EXAMPLE)
    assert caught.value.reason == "DISK_FULL"


def fill_up(store: LevelDBStore) -> None:
    while True:
        try:
            add(store, EXAMPLE, max_examples=200)
        except ResourceExhausted:
            return


def test_a_full_disk_refuses_and_is_forgotten(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    for _ in range(500):
        add(store, EXAMPLE, context=[POWER], key=b"")
    under_way = store.scan(Scan(WORDS))
    newest = next(under_way)
    with full(folder):
        for _ in range(3):
            with pytest.raises(ResourceExhausted, match="no room for examples"):
                add(store, EXAMPLE)
            with pytest.raises(ResourceExhausted):
                add(store, b"small", place=FOREIGN)
        assert len(values(store)) == store.stats(WORDS).examples == 500
    assert add(store, b"next", key=b"k").first_sequence == 501
    assert add(store, b"next", key=b"k").repeated
    assert len([newest, *under_way]) == 500
    assert read(store)[0].context == {"power": POWER.features}
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert values(store) == [EXAMPLE] * 500 + [b"next"]
    store.close()


def test_what_is_written_behind_a_torn_record_is_not_lost(folder: Path, clock: ManualClock) -> None:
    """LevelDB itself would take the second batch, and recover neither it nor what follows."""
    store = LevelDBStore.open(folder, clock)
    for number in range(20):
        fail_a_write(store, folder)
        add(store, b"%d" % number)
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert values(store) == [b"%d" % number for number in range(20)]
    store.close()


def test_an_erasure_that_the_disk_refused_is_finished_before_anything_is_added(
    folder: Path, clock: ManualClock
) -> None:
    store = LevelDBStore.open(folder, clock)
    for _ in range(50):
        add(store, EXAMPLE)
    with full(folder, spared_bytes=120):  # the entry in the journal still fits
        with pytest.raises(ResourceExhausted):
            store.clear(WORDS)
        assert values(store) == []
    add(store, b"after")
    assert values(store) == [b"after"]
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert values(store) == [b"after"]
    store.close()


def test_a_handle_is_replaced_only_where_there_is_room(folder: Path, clock: ManualClock) -> None:
    disk = RefusingDisk()
    store = LevelDBStore.open(folder, clock, disk=disk)
    add(store, b"a")
    disk.refuses_with = errno.ENOSPC
    fail_a_write(store, folder)
    for _ in range(3):
        with pytest.raises(ResourceExhausted):
            add(store, b"b")
        assert values(store) == [b"a"]
    assert disk.asked >= 3
    disk.refuses_with = None
    add(store, b"b")
    assert values(store) == [b"a", b"b"]
    store.close()


def test_a_database_that_cannot_be_opened_again_is_tried_once_in_a_while(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, b"a")
    fail_a_write(store, folder)
    current = folder / "examples" / "CURRENT"
    current.rename(folder / "aside")
    work: list[Callable[[], object]] = [lambda: add(store, b"b"), lambda: values(store), store.sweep]
    for action in work:
        with pytest.raises(DataLoss, match="damaged"):
            action()
    (folder / "aside").rename(current)
    with pytest.raises(DataLoss):
        add(store, b"b")
    clock.advance(PAUSE_S)
    store.sweep()
    add(store, b"b")
    assert values(store) == [b"a", b"b"]
    store.close()


def test_a_log_that_goes_while_it_is_measured_counts_nothing(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, b"a")
    before = store._database.log_bytes()
    # As one that has gone by then, without the race.
    (folder / "examples" / "000099.log").symlink_to("gone")
    assert store._database.log_bytes() == before > 0
    store.sync().result(timeout=20)
    store.close()


def test_a_recovery_that_fails_in_any_way_is_tried_once_in_a_while(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, b"a")
    fail_a_write(store, folder)
    tries: list[str] = []

    def fail() -> None:
        tries.append("recover")
        raise KeyError("a defect")

    recover, store._renewal._recover = store._renewal._recover, fail
    for _ in range(3):
        with pytest.raises(DataLoss):
            add(store, b"b")
    assert len(tries) == 1
    store._renewal._recover = recover
    clock.advance(PAUSE_S)
    add(store, b"b")
    assert values(store) == [b"a", b"b"]
    store.close()


def test_readers_and_writers_meet_a_clean_answer_while_the_handle_changes(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, *[EXAMPLE] * 100)
    stop = threading.Event()
    wrong: list[BaseException] = []

    def work(action: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                action()
            except ResourceExhausted:
                continue
            except BaseException as error:  # noqa: BLE001 - shown by the assertion below
                wrong.append(error)
                return

    actions: list[Callable[[], object]] = [
        lambda: add(store, b"other", place=FOREIGN, max_examples=50),
        lambda: values(store),
        store.sweep,
        lambda: store.stats(FOREIGN),
    ]
    threads = [threading.Thread(target=work, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for number in range(20):
        with full(folder, spared_bytes=10_000):
            fill_up(store)
        add(store, b"%d" % number)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.stats(WORDS).examples == len(values(store))
    store.close()


def test_a_reopening_is_not_held_up_by_those_who_keep_coming(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)
    add(store, *[EXAMPLE] * 50)
    stop = threading.Event()
    looks: list[int] = []

    def look() -> None:
        while not stop.is_set():
            with store._database:
                looks.append(1)

    readers = [threading.Thread(target=look) for _ in range(4)]
    for reader in readers:
        reader.start()
    fail_a_write(store, folder)
    add(store, b"next")
    stop.set()
    for reader in readers:
        reader.join()
    assert looks
    assert store.stats(WORDS).examples == 51
    store.close()


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, ResourceExhausted, "DISK_FULL"),
        (errno.EDQUOT, ResourceExhausted, "DISK_FULL"),
        (errno.EFBIG, ResourceExhausted, "DISK_FULL"),
        (errno.EROFS, Unavailable, "DISK_READ_ONLY"),
        (errno.EIO, Unavailable, "DISK_FAILED"),
        (errno.EMFILE, Unavailable, "TOO_MANY_FILES"),
    ],
)
def test_what_a_disk_refuses_is_told_with_its_remedy(number: int, kind: type[DaemonError], reason: str) -> None:
    answer = refusal(number, "examples")
    assert type(answer) is kind
    assert answer.reason == reason
    assert number_in(f"b'IO error: /x/000003.log: {os.strerror(number)}'") == number


def test_other_errors_are_not_the_disks() -> None:
    assert refusal(errno.ENOENT, "examples") is None
    assert refusal(None, "examples") is None
    assert number_in("Corruption: checksum mismatch") is None


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
def test_a_small_disk_is_filled_and_emptied_under_writers(tmp_path: Path, seed: int) -> None:
    if not namespaces():
        pytest.skip("the machine lets no child mount a file system of its own")
    command = [sys.executable, "-m", "tests.store.full_disk_drill", str(tmp_path), str(seed)]
    drill = subprocess.run(
        beneath(tmp_path, 64, command), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (drill.stdout, drill.returncode) == ("as it must be\n", 0), drill.stderr
