"""What `sync` promises: acknowledged examples survive a power cut, and many writers pay for it once."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from context.clock import ManualClock, SystemClock
from platform_daemon.errors import Unavailable
from platform_daemon.store.atomic_file import LocalDisk
from platform_daemon.store.group_sync import GroupSync
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.renewal import PAUSE_S
from platform_daemon.store.store import Place
from tests.store.power_cut import DURABLE_WRITERS, NotingDisk, cut, read_notes
from tests.store.samples import FOREIGN, TAPS, WORDS, add, values

ROOT = Path(__file__).parents[2]
CUTS = 5


class SlowDisk(LocalDisk):
    """Syncs end when they are let through."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_through = threading.Semaphore(0)
        self.syncs = 0

    def sync_file(self, path: Path) -> None:
        self.syncs += 1
        self.begun.release()
        assert self.let_through.acquire(timeout=20)


class FailingDisk(NotingDisk):
    """Fails one sync, and forgets what it should have written, as Linux does."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_with: int | None = None

    def sync_file(self, path: Path) -> None:
        if self.fails_with is not None:
            number, self.fails_with = self.fails_with, None
            raise OSError(number, "refused")
        super().sync_file(path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_writers_of_all_enclaves_share_a_sync_and_adding_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    disk = SlowDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    add(store, b"first")
    first = store.sync()
    assert disk.begun.acquire(timeout=20)
    shared: list[Future[None]] = []
    for number in range(50):
        add(store, b"%d" % number, place=(WORDS, TAPS, FOREIGN)[number % 3])
        shared.append(store.sync())
    assert not first.done()
    disk.let_through.release()
    first.result(timeout=20)
    assert disk.begun.acquire(timeout=20)
    assert not any(one.done() for one in shared)
    disk.let_through.release()
    for one in shared:
        one.result(timeout=20)
    assert disk.syncs == 2
    store.close()


def test_a_sync_that_is_under_way_covers_nothing_added_since(tmp_path: Path, clock: ManualClock) -> None:
    disk = SlowDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    early = store.sync()
    assert disk.begun.acquire(timeout=20)
    add(store, b"late")
    late = store.sync()
    assert not late.cancel()
    disk.let_through.release()
    early.result(timeout=20)
    assert not late.done()
    disk.let_through.release()
    late.result(timeout=20)
    store.close()


def test_eight_writers_need_far_fewer_syncs_than_adds(tmp_path: Path) -> None:
    class CountingDisk(LocalDisk):
        syncs = 0

        def sync_file(self, path: Path) -> None:
            self.syncs += 1
            super().sync_file(path)

    disk = CountingDisk()
    store = LevelDBStore.open(tmp_path / "store", SystemClock(), disk=disk)

    def write(enclave: int) -> None:
        for number in range(50):
            add(store, b"%d" % number, place=Place(enclave, 1))
            store.sync().result()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(1, 9)))
    store.close()
    assert disk.syncs <= 8 * 50 / 2


def test_what_was_synced_survives_a_power_cut_and_the_rest_need_not(tmp_path: Path, clock: ManualClock) -> None:
    disk = NotingDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    for number in range(100):
        add(store, b"%d" % number)
    store.sync().result()
    for number in range(100, 200):
        add(store, b"%d" % number)
    store.close()
    assert cut(tmp_path / "store", tmp_path / "cut", disk.synced) > 0
    store = LevelDBStore.open(tmp_path / "cut", clock)
    assert values(store) == [b"%d" % number for number in range(100)]
    store.close()


def test_each_who_waited_for_a_failed_sync_has_an_error_of_his_own(tmp_path: Path, clock: ManualClock) -> None:
    class Gate(FailingDisk):
        begun, let_through = threading.Semaphore(0), threading.Semaphore(0)

        def sync_file(self, path: Path) -> None:
            self.begun.release()
            assert self.let_through.acquire(timeout=20)
            super().sync_file(path)

    disk = Gate()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    add(store, b"a")
    first = store.sync()
    assert disk.begun.acquire(timeout=20)
    waiting = [store.sync() for _ in range(3)]
    disk.let_through.release()
    first.result(timeout=20)
    assert disk.begun.acquire(timeout=20)
    disk.fails_with = errno.EIO
    disk.let_through.release(3)
    errors = [one.exception(timeout=20) for one in waiting]
    assert len(set(map(id, errors))) == 3
    for error in errors:
        assert isinstance(error, Unavailable)
        assert (error.reason, str(error)) == ("DISK_FAILED", str(errors[0]))
    store.close()


def test_a_defect_of_a_sync_is_told_to_each_who_waited() -> None:
    def sync() -> None:
        raise KeyError("defect")

    syncs = GroupSync(sync, SystemClock().monotonic_s)
    for _ in range(2):
        error = syncs.join().exception(timeout=20)
        assert isinstance(error, RuntimeError)
        assert isinstance(error.__cause__, KeyError)
    syncs.close()


def test_logs_that_cannot_be_listed_fail_no_handle(tmp_path: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(tmp_path / "store", clock)
    add(store, b"a")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        with pytest.raises(Unavailable, match="too many files"):
            store._database.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert store._database.failure is None
    store.sync().result(timeout=20)
    store.close()


class NamesDisk(LocalDisk):
    """Notes which folders it syncs. `closed` belongs to somebody else."""

    def __init__(self, closed: Path | None = None) -> None:
        self.synced: list[Path] = []
        self._closed = closed

    def sync_folder(self, folder: Path) -> None:
        if folder == self._closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        super().sync_folder(folder)
        self.synced.append(folder)


@pytest.mark.parametrize("parts", [("store",), ("device", "state", "store")])
def test_a_new_store_is_found_after_a_power_cut(tmp_path: Path, clock: ManualClock, parts: tuple[str, ...]) -> None:
    disk, folder = NamesDisk(), tmp_path.joinpath(*parts)
    LevelDBStore.open(folder, clock, disk=disk).close()
    above = [tmp_path, *(tmp_path.joinpath(*parts[:count]) for count in range(1, len(parts)))]
    # The mark of a finished folder comes after, and with it whatever is acknowledged.
    marked = len(disk.synced) - 1 - disk.synced[::-1].index(folder)
    assert set(above) <= set(disk.synced[:marked])
    before = len(disk.synced)
    LevelDBStore.open(folder, clock, disk=disk).close()
    assert set(disk.synced[before:]) == {folder}


def test_folders_that_belong_to_others_are_left_to_them(tmp_path: Path, clock: ManualClock) -> None:
    disk = NamesDisk(tmp_path)
    LevelDBStore.open(tmp_path / "state" / "store", clock, disk=disk).close()
    assert tmp_path / "state" in disk.synced
    assert tmp_path.parent not in disk.synced


@pytest.mark.parametrize(("number", "reason"), [(errno.EIO, "DISK_FAILED"), (errno.EROFS, "DISK_READ_ONLY")])
def test_a_sync_that_failed_is_not_taken_for_done_the_second_time(
    tmp_path: Path, clock: ManualClock, number: int, reason: str
) -> None:
    disk = FailingDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    add(store, b"a", key=b"k")
    disk.fails_with = number
    with pytest.raises(Unavailable) as caught:
        store.sync().result()
    assert caught.value.reason == reason
    assert values(store) == [b"a"]
    # The client repeats: nothing is written again, and yet it has to become durable.
    assert add(store, b"a", key=b"k").repeated
    store.sync().result()
    store.close()
    cut(tmp_path / "store", tmp_path / "cut", disk.synced)
    store = LevelDBStore.open(tmp_path / "cut", clock)
    assert values(store) == [b"a"]
    store.close()


def test_a_disk_that_keeps_failing_is_tried_once_in_a_while(tmp_path: Path, clock: ManualClock) -> None:
    disk = FailingDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    for _ in range(2):
        disk.fails_with = errno.EIO
        with pytest.raises(Unavailable):
            store.sync().result()
    with pytest.raises(Unavailable, match="fails"):
        store.sync().result()
    with pytest.raises(Unavailable, match="fails"):
        add(store, b"a")
    clock.advance(PAUSE_S)
    add(store, b"a")
    store.sync().result()
    store.close()


def test_closing_waits_for_the_last_sync(tmp_path: Path, clock: ManualClock) -> None:
    disk = SlowDisk()
    store = LevelDBStore.open(tmp_path / "store", clock, disk=disk)
    last = store.sync()
    closing = threading.Thread(target=store.close)
    closing.start()
    disk.let_through.release(4)
    closing.join(timeout=20)
    last.result(timeout=0)
    with pytest.raises(Unavailable):
        store.sync()


@pytest.mark.faults
def test_the_power_goes_while_apps_write(tmp_path: Path) -> None:
    lost = 0
    for number in range(CUTS):
        folder, notes = tmp_path / f"store{number}", tmp_path / f"notes{number}"
        acknowledged = _write_until_cut(folder, notes, lines=150 * (number + 1))
        lost += cut(folder, tmp_path / f"cut{number}", read_notes(notes))
        store = LevelDBStore.open(tmp_path / f"cut{number}", SystemClock())
        for collection in range(1, DURABLE_WRITERS + 1):
            there = values(store, Place(1, collection))
            assert len(there) >= acknowledged[collection] > 0
            assert [one.split()[0] for one in there] == [b"%d/%d" % (collection, n) for n in range(len(there))]
        store.close()
    assert lost > 0


def _write_until_cut(folder: Path, notes: Path, lines: int) -> Counter[int]:
    """Freeze all threads of the writer at one moment; returns how many examples each collection was promised."""
    command = [sys.executable, "-m", "tests.store.power_cut", str(folder), str(notes)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGSTOP)
        os.waitpid(writer.pid, os.WUNTRACED)
        noted = notes.read_bytes()
        frozen = folder.with_name(folder.name + ".frozen")
        subprocess.run(["cp", "-r", folder, frozen], check=True)
        writer.kill()
        said += writer.stdout.readlines()
    notes.write_bytes(noted)
    subprocess.run(["rm", "-r", folder], check=True)
    frozen.rename(folder)
    return Counter(int(line) for line in said if line.endswith(b"\n"))
