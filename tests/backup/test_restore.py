"""From a state folder to a file and back: everything is there, the old is there until the new is whole."""

import io
import itertools
import random
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path

import plyvel
import pytest

from context.clock import ManualClock
from platform_daemon.backup import contents
from platform_daemon.backup.contents import Formats, Manifest, Totals
from platform_daemon.backup.decisions import Carried
from platform_daemon.backup.restore import restore, verify
from platform_daemon.backup.sessions import PAGE_BYTES
from platform_daemon.errors import (
    DaemonError,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    Unauthenticated,
    Unavailable,
)
from platform_daemon.state.database import version_of
from platform_daemon.store.folder import format_of
from platform_daemon.store.scope import Selector
from platform_daemon.store.store import Batch, Place, Retention, Scan
from tests.backup.samples import PASSPHRASE, QUICK, backup, backups_of, opened, restored, sealed
from tests.upgrades.expected import check_artifacts, check_examples, check_owner
from tests.upgrades.write_state import EXAMPLES, PACKAGE, UID, write

ROOT = Path(__file__).parents[2]
ARCHIVES = sorted((ROOT / "tests" / "upgrades").glob("state-*.tar.gz"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write(tmp_path / "device" / "state", ManualClock())
    return tmp_path / "device" / "state"


@pytest.fixture
def file(state: Path) -> bytes:
    storage = opened(state)
    made = backup(storage)
    storage.close()
    return made


def entries(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_device_has_all_of_it_but_consent(file: bytes, tmp_path: Path) -> None:
    target = tmp_path / "new" / "state"
    done = restored(file, target)
    assert done.manifest.packages == ("com.example.keyboard", "com.example.waiting")
    assert done.carried is None
    storage = opened(target)
    check_owner(storage, consent=False)
    check_examples(storage)
    check_artifacts(storage)
    storage.close()
    assert [path.name for path in target.parent.iterdir()] == ["state"]
    modes = {path.stat().st_mode & 0o077 for path in target.rglob("*") if "examples/examples" not in str(path)}
    assert modes == {0}


def test_nothing_of_it_can_be_read_without_the_passphrase(file: bytes) -> None:
    for told in (EXAMPLES[0], b"com.example", b"state.db", b"INSITUKR", b"parameters"):
        assert told not in file


def test_it_shows_one_moment_while_apps_write(state: Path, tmp_path: Path) -> None:
    storage = opened(state)
    place = Place(1, 1)
    storage.store.add(Batch(place, 0, [b"in time" * 100_000] * 10, Retention(86_400_000)))
    backups = backups_of(storage)
    token, _ = backups.begin(QUICK.recovery_key(PASSPHRASE), QUICK)
    file = bytearray()
    for number in itertools.count():
        storage.store.add(Batch(place, 0, [b"too late"] * 10, Retention(86_400_000)))
        storage.store.clear(place)
        storage.artifacts.forget_enclave(1)
        page = backups.read(token, number)
        file += page.data
        if page.last:
            break
    storage.close()
    assert number > 0
    restored(bytes(file), tmp_path / "new")
    again = opened(tmp_path / "new")
    found = [one.example for one in again.store.scan(Scan(place, newest_first=False))]
    assert found == [*EXAMPLES, *[b"in time" * 100_000] * 10]
    check_artifacts(again)
    again.close()


def test_a_backup_of_a_store_costs_no_memory_in_proportion(tmp_path: Path) -> None:
    storage = opened(tmp_path / "state")
    for number in range(40):
        storage.store.add(Batch(Place(1, 1), 0, [b"%d" % number * 500_000], Retention(86_400_000)))
    backups = backups_of(storage)
    token, manifest = backups.begin(QUICK.recovery_key(PASSPHRASE), QUICK)
    assert manifest.size_bytes > 30_000_000
    tracemalloc.start()
    number, last, size_bytes = 0, False, 0
    while not last:
        page = backups.read(token, number)
        number, last, size_bytes = number + 1, page.last, size_bytes + len(page.data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    storage.close()
    assert size_bytes > 30_000_000
    assert peak_bytes < 5 * PAGE_BYTES


@pytest.mark.parametrize("kind", ["cut", "flipped", "without a chunk", "with two chunks exchanged"])
def test_what_is_not_whole_is_refused_and_nothing_is_left(file: bytes, tmp_path: Path, kind: str) -> None:
    chance = random.Random(kind)
    header_bytes = len(sealed([])[:])
    for _ in range(25):
        if kind == "cut":
            damaged = file[: chance.randrange(len(file))]
        elif kind == "flipped":
            changed = bytearray(file)
            changed[chance.randrange(len(file))] ^= 1 << chance.randrange(8)
            damaged = bytes(changed)
        else:
            chunks = _chunks(file[header_bytes:])
            first, second = sorted(chance.sample(range(len(chunks)), 2))
            if kind == "without a chunk":
                del chunks[first]
            else:
                chunks[first], chunks[second] = chunks[second], chunks[first]
            damaged = file[:header_bytes] + b"".join(chunks)
        with pytest.raises((DataLoss, InvalidArgument, FailedPrecondition, Unauthenticated)):
            restored(damaged, tmp_path / "new")
        with pytest.raises(DaemonError):
            verify(io.BytesIO(damaged), PASSPHRASE, lambda read_bytes: None)
        assert not (tmp_path / "new.restoring").exists()
        assert entries(tmp_path / "new").keys() <= {"examples/lock"}


def _chunks(data: bytes) -> list[bytes]:
    chunks = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        chunks.append(data[:end])
        data = data[end:]
    return chunks


def test_a_whole_file_is_verified(file: bytes) -> None:
    seen: list[int] = []
    assert verify(io.BytesIO(file), PASSPHRASE, seen.append).packages[0] == PACKAGE
    assert seen[-1] == len(file)


def test_what_to_do_is_said(file: bytes, tmp_path: Path) -> None:
    for damaged, error, words in (
        (b"", InvalidArgument, "insitu data backup"),
        (b"PK\x03\x04 something else", InvalidArgument, "insitu data backup"),
        (file[:8] + b"\0\2" + file[10:], FailedPrecondition, "newer release"),
        (file[:-1], DataLoss, "ends too early"),
        (file[:40], DataLoss, "ends too early"),
        (file + file[-40:], DataLoss, "damaged"),
    ):
        with pytest.raises(error, match=words):
            restored(damaged, tmp_path / "new")
    with pytest.raises(Unauthenticated, match="passphrase"):
        restored(file, tmp_path / "new", passphrase="wrong horse battery staple")
    with pytest.raises(InvalidArgument, match="12 characters"):
        restored(file, tmp_path / "new", passphrase="short")


def manifest(store: int = 1, state: int = 1) -> bytes:
    return Manifest("9.0.0", 1, Formats(store, state, 1), 10, (), 0).piece()


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (
            [manifest(store=99), b"Fexamples/format", b"Dinsitu example store, format 99\n", Totals(1, 32).piece()],
            "newer",
        ),
        ([manifest(), b"F../outside", b"Dx", Totals(1, 1).piece()], "made wrongly"),
        ([manifest(), b"F/etc/outside", b"Dx", Totals(1, 1).piece()], "made wrongly"),
        ([manifest(), b"Fa", b"Fa", Totals(2, 0).piece()], "made wrongly"),
        ([manifest(), b"Dx", Totals(0, 1).piece()], "made wrongly"),
        ([manifest(), Totals(1, 0).piece()], "made wrongly"),
        ([manifest(), b"R\0\0\0\1\0\0\0\1a", Totals().piece()], "made wrongly"),
        ([manifest(), Totals().piece(), b"Fa"], "made wrongly"),
        ([manifest(), b"Fa"], "made wrongly"),
        ([manifest(), b"?"], "made wrongly"),
        ([Totals().piece()], "made wrongly"),
        ([contents.MANIFEST + b'{"of": "a later release"}'], "with the release that made it"),
        ([contents.MANIFEST + b"no JSON"], "with the release that made it"),
        ([contents.MANIFEST + b"[]"], "made wrongly"),
        ([manifest(), contents.END + b"[]"], "made wrongly"),
        ([manifest(), contents.END + b'{"more": 1}'], "made wrongly"),
        ([manifest(), contents.END + b"no JSON"], "made wrongly"),
        ([manifest(), b"F\xff"], "made wrongly"),
    ],
)
def test_authentic_nonsense_is_refused(pieces: list[bytes], words: str, tmp_path: Path) -> None:
    with pytest.raises((DataLoss, FailedPrecondition), match=words):
        restored(sealed(pieces), tmp_path / "new")
    assert not (tmp_path / "outside").exists()
    assert entries(tmp_path / "new").keys() <= {"examples/lock"}


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_a_backup_of_an_earlier_release_is_migrated(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="tar")
    state, totals = tmp_path / "state", Totals()
    formats = Formats(format_of(state / "examples"), version_of(state / "state.db"), version_of(state / "artifacts.db"))
    pieces = [Manifest("0.1.0", 1, formats, 1, (PACKAGE,), UID).piece()]
    for path in sorted(path for path in state.rglob("*") if path.is_file()):
        name = path.relative_to(state).as_posix()
        if not name.startswith(("examples/examples", "examples/lock")):
            totals.files += 1
            totals.file_bytes += path.stat().st_size
            pieces += [b"F" + name.encode(), b"D" + path.read_bytes()]
    with plyvel.DB(str(state / "examples" / "examples")) as database:
        records = [contents.record_bytes(key, value) for key, value in database]
    totals.records = len(records)
    restored(sealed([*pieces, *contents.in_pieces(records), totals.piece()]), tmp_path / "new")
    storage = opened(tmp_path / "new")
    check_examples(storage)
    check_artifacts(storage)
    storage.close()


def test_a_restore_costs_no_memory_in_proportion(tmp_path: Path) -> None:
    value = bytes(500_000)
    stream = (contents.record_bytes(b"e%d" % number, value) for number in range(60))
    file = tmp_path / "file"
    files = {"examples/format": b"insitu example store, format 1\n", "state.db": b"", "artifacts.db": b""}
    pieces = [piece for name, data in files.items() for piece in (b"F" + name.encode(), b"D" + data)]
    totals = Totals(len(files), sum(map(len, files.values())), 60)
    file.write_bytes(sealed([manifest(), *pieces, *contents.in_pieces(stream), totals.piece()]))
    tracemalloc.start()
    with file.open("rb") as opened_file:
        restore(opened_file, PASSPHRASE, tmp_path / "new", ManualClock(), lambda read_bytes: None)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.stat().st_size > 30_000_000
    assert peak_bytes < 3 * PAGE_BYTES


def test_a_state_is_not_replaced_unasked(file: bytes, state: Path) -> None:
    before = entries(state)
    with pytest.raises(FailedPrecondition, match="--replace"):
        restored(file, state)
    assert entries(state) == before
    storage = opened(state)
    with pytest.raises(Unavailable, match="stop the daemon"):
        restored(file, state, replace=True)
    storage.close()


def test_a_damaged_state_is_replaced(file: bytes, state: Path) -> None:
    for table in (state / "examples" / "examples").glob("*.ldb"):
        table.write_bytes(b"gone")
    (state / "artifacts.db").unlink()
    done = restored(file, state, replace=True)
    assert done.carried == Carried()
    storage = opened(state)
    check_owner(storage)
    check_examples(storage)
    check_artifacts(storage)
    storage.close()


def test_what_has_expired_since_is_hidden_at_once_and_destroyed(tmp_path: Path) -> None:
    place, retention = Place(1, 1), Retention(3_600_000)
    storage = opened(tmp_path / "state")
    storage.store.add(Batch(place, 0, [b"short-lived"], retention))
    storage.store.add(Batch(place, 0, [b"long-lived"], Retention(86_400_000)))
    file = backup(storage)
    storage.close()
    restored(file, tmp_path / "new")
    later = ManualClock()
    later.advance(2 * 3600)
    again = opened(tmp_path / "new", later)
    assert [one.example for one in again.store.scan(Scan(place))] == [b"long-lived"]
    assert len(again.store.keyring.select(Selector())) == 2
    again.store.sweep()
    assert len(again.store.keyring.select(Selector())) == 1
    again.close()


def test_a_linked_state_stays_where_the_link_leads(file: bytes, state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another disk" / "state"
    elsewhere.parent.mkdir()
    state.rename(elsewhere)
    state.symlink_to(elsewhere)
    (elsewhere.parent / "state.restoring").mkdir()
    opened(state).close()
    assert [path.name for path in elsewhere.parent.iterdir()] == ["state"]
    restored(file, state, replace=True)
    assert state.is_symlink()
    assert [path.name for path in elsewhere.parent.iterdir()] == ["state"]
    storage = opened(state)
    check_examples(storage)
    storage.close()


def test_a_new_device_starts_after_a_restore_that_failed(file: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataLoss):
        restored(file[:-1], tmp_path / "new")
    opened(tmp_path / "new").close()


@pytest.mark.faults
@pytest.mark.parametrize("moment", ["unpacking", "before the exchange", "after the exchange", "half erased"])
def test_killed_at_any_moment_old_or_new_is_there(file: bytes, state: Path, tmp_path: Path, moment: str) -> None:
    storage = opened(state)
    storage.store.add(Batch(Place(1, 9), 0, [b"since the backup"], Retention(86_400_000)))
    storage.close()
    (tmp_path / "file").write_bytes(file)
    command = [sys.executable, "-m", "tests.backup.killed_restore", tmp_path / "file", state, moment]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert state.with_name("state.restoring").exists()
    storage = opened(state)
    assert not state.with_name("state.restoring").exists()
    check_examples(storage)
    old = [one.example for one in storage.store.scan(Scan(Place(1, 9)))]
    assert old == ([b"since the backup"] if moment in {"unpacking", "before the exchange"} else [])
    storage.close()
