"""What LevelDB and plyvel do to those who do not know them: each trap as it is, and the store beside it, unharmed."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import plyvel
import pytest

from context.clock import ManualClock
from platform_daemon.errors import DataLoss, Unavailable
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Scan
from tests.store.samples import POWER, WORDS, add, read, values

ROOT = Path(__file__).parents[2]
RECORDS = 300
RAW = "import plyvel, sys; plyvel.DB(sys.argv[1], create_if_missing=False).close()"
STORE = (
    "import sys; from pathlib import Path; from context.clock import SystemClock\n"
    "from platform_daemon.store.leveldb import LevelDBStore\n"
    "LevelDBStore.open(Path(sys.argv[1]), SystemClock()).close()"
)


def another_process_opens(script: str, folder: Path) -> bool:
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode == 0


def raw(folder: Path, *, in_tables: bool = False) -> Path:
    """A closed LevelDB as plyvel makes it by default, its records in the log or in tables."""
    with plyvel.DB(str(folder), create_if_missing=True, compression=None) as database:
        for number in range(RECORDS):
            database.put(b"%06d" % number, b"value of %06d, in plain sight" % number)
        if in_tables:
            database.compact_range()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with 300 examples, half of them in a table, half in the log."""
    for _ in range(2):
        store = LevelDBStore.open(tmp_path / "store", ManualClock())
        for number in range(RECORDS // 2):
            add(store, b"value of %06d, in plain sight" % number, context=[POWER])
        store.close()
    return tmp_path / "store"


def flip(file: Path, after: bytes) -> None:
    """Flip a bit just behind these bytes."""
    data = bytearray(file.read_bytes())
    data[data.index(after) + len(after)] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("touched", ["a second handle", "the lock file"])
def test_touching_an_open_database_drops_its_lock(tmp_path: Path, touched: str) -> None:
    path = raw(tmp_path / "raw")
    database = plyvel.DB(str(path))
    assert not another_process_opens(RAW, path)
    if touched == "a second handle":
        with pytest.raises(plyvel.IOError):
            plyvel.DB(str(path))
    else:
        (path / "LOCK").read_bytes()
    assert another_process_opens(RAW, path)
    database.close()


def test_a_store_keeps_its_folder_whatever_is_touched(folder: Path) -> None:
    store = LevelDBStore.open(folder, ManualClock())
    with pytest.raises(Unavailable, match="stop the daemon"):
        LevelDBStore.open(folder, ManualClock())
    for file in (folder / "lock", folder / "examples" / "LOCK"):
        file.read_bytes()
    assert not another_process_opens(STORE, folder)
    assert len(values(store)) == RECORDS
    store.close()
    assert another_process_opens(STORE, folder)


def test_a_database_without_current_is_emptied_in_silence(tmp_path: Path, folder: Path) -> None:
    path = raw(tmp_path / "raw", in_tables=True)
    (path / "CURRENT").unlink()
    with plyvel.DB(str(path), create_if_missing=True) as database:
        assert list(database) == []
    (folder / "examples" / "CURRENT").unlink()
    before = {file: file.read_bytes() for file in (folder / "examples").iterdir()}
    with pytest.raises(DataLoss, match="restore a backup"):
        LevelDBStore.open(folder, ManualClock())
    assert {file: file.read_bytes() for file in (folder / "examples").iterdir()} == before


def test_a_flipped_bit_in_the_log_loses_records_in_silence(tmp_path: Path, folder: Path) -> None:
    path = raw(tmp_path / "raw")
    (log,) = path.glob("*.log")
    flip(log, after=b"value of 000150")
    with plyvel.DB(str(path)) as database:
        assert len(list(database)) < RECORDS
    (log,) = (folder / "examples").glob("*.log")
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    with pytest.raises(DataLoss, match="restore a backup"):
        LevelDBStore.open(folder, ManualClock())


def test_a_flipped_bit_in_a_table_is_served_in_silence(tmp_path: Path, folder: Path) -> None:
    path = raw(tmp_path / "raw", in_tables=True)
    (table,) = path.glob("*.ldb")
    flip(table, after=b"value of 00015")
    with plyvel.DB(str(path)) as database:
        assert sum(value == b"value of %s, in plain sight" % key for key, value in database) == RECORDS - 1
    tables = list((folder / "examples").glob("*.ldb"))
    for table in tables:
        data = bytearray(table.read_bytes())
        data[len(data) // 3] ^= 1
        table.write_bytes(data)
    store = LevelDBStore.open(folder, ManualClock())
    with pytest.raises(DataLoss, match="restore a backup"):
        values(store)
    store.close()


def test_a_repair_runs_beneath_an_open_database(tmp_path: Path) -> None:
    path = raw(tmp_path / "raw")
    database = plyvel.DB(str(path))
    plyvel.repair_db(str(path))
    database.close()
    callers = [
        file
        for package in ("platform_daemon", "insitu_cli")
        for file in (ROOT / package).rglob("*.py")
        if any(name in file.read_text() for name in ("repair_db", "destroy_db"))
    ]
    assert callers == []


def test_closing_waits_for_whoever_is_inside(folder: Path) -> None:
    """Where plyvel would crash the process: iterators of other threads, at a handle that closes."""
    for _ in range(10):
        store = LevelDBStore.open(folder, ManualClock())
        under_way = threading.Barrier(5)
        ended: list[str] = []

        def work(
            call: Callable[[], object], under_way: threading.Barrier = under_way, ended: list[str] = ended
        ) -> None:
            under_way.wait()
            try:
                while True:
                    call()
            except Unavailable as error:
                ended.append(error.reason)

        calls = [lambda store=store: read(store), lambda store=store: add(store, b"more", context=[POWER])] * 2
        threads = [threading.Thread(target=work, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        under_way.wait()
        store.close()
        for thread in threads:
            thread.join(timeout=30)
        assert ended == ["STORE_CLOSED"] * 4


def test_a_scan_passes_from_thread_to_thread(folder: Path) -> None:
    """Where a plyvel iterator belongs to the thread that made it."""
    store = LevelDBStore.open(folder, ManualClock())
    scan = store.scan(Scan(WORDS, newest_first=False))
    found: list[int] = []

    def take() -> None:
        found.extend(next(scan).sequence for _ in range(10))

    for _ in range(RECORDS // 10):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    assert found == list(range(1, RECORDS + 1))
    store.close()


def test_deleted_plaintext_stays_in_the_files(tmp_path: Path, folder: Path) -> None:
    path = raw(tmp_path / "raw")
    with plyvel.DB(str(path)) as database:
        for key, _ in database:
            database.delete(key)
        database.compact_range()
    with plyvel.DB(str(path)) as database:
        assert list(database) == []
    assert any(b"in plain sight" in file.read_bytes() for file in path.iterdir())
    # What is never there in plain needs no overwriting: that its key is gone for good, test_canary.py shows.
    assert not any(b"plain sight" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
