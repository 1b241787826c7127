"""K15: state folders that earlier releases wrote, opened by this one; and what it says of those that are not whole."""

import shutil
import sqlite3
import tarfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from artifact_manager import MetricChange
from context.clock import ManualClock
from platform_daemon.access import Apps, AppState, Permissions
from platform_daemon.configuration import LimitsSection
from platform_daemon.errors import DaemonError, DataLoss
from platform_daemon.state import SchemaFromTheFuture
from platform_daemon.state.collections import CollectionRepository, Wish
from platform_daemon.storage import Storage
from platform_daemon.store.store import LONGEST_TTL_MS, Scan
from platform_daemon.training.checkpoints import RunKey
from platform_daemon.training.records import SessionRepository
from tests.daemon.harness import running
from tests.upgrades.write_state import BLOB, CHECKPOINT, EXAMPLES, PACKAGE, PARAMETERS, UID, URI, WAITING, power

ARCHIVES = sorted(Path(__file__).parent.glob("state-*.tar.gz"))
LIMITS = LimitsSection()


@pytest.fixture(params=ARCHIVES, ids=[path.name.removesuffix(".tar.gz") for path in ARCHIVES])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The state folder in an archive, with its modes."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="tar")
    return tmp_path / "state"


def opened(state: Path) -> Storage:
    return Storage(state, ManualClock(), LIMITS)


def test_all_that_an_earlier_release_wrote_is_there(state: Path) -> None:
    for _ in range(2):
        storage = opened(state)
        _check_owner(storage)
        _check_examples(storage)
        _check_artifacts(storage)
        storage.close()


def _check_owner(storage: Storage) -> None:
    apps = Apps(storage.database, ManualClock())
    assert {app.package: app.state for app in apps.list()} == {
        PACKAGE: AppState.REGISTERED,
        WAITING: AppState.REQUESTED,
    }
    (enclave,) = apps.enclaves(PACKAGE)
    assert enclave.uid == UID
    permissions = Permissions(storage.database, apps, ManualClock())
    assert permissions.consented(PACKAGE)
    (decision,) = permissions.decisions(PACKAGE)
    assert (decision.type, decision.features) == ("power", frozenset({"charging"}))
    assert storage.issuer.verify(apps.get(PACKAGE).certificate_pem, PACKAGE) == apps.get(PACKAGE).public_key


def _check_examples(storage: Storage) -> None:
    collections = CollectionRepository(storage.database)
    (words,) = collections.all(1)
    assert (words.name, words.ttl_ms, words.max_examples) == ("words", LONGEST_TTL_MS, 1000)
    assert words.wishes == (Wish("power", 60_000),)
    entries = list(storage.store.scan(Scan(words.place, frozenset({"power"}), newest_first=False)))
    assert [one.example for one in entries] == EXAMPLES
    assert {one.context["power"] for one in entries} == {power()}
    work = collections.account(1, "work", create=False)
    assert len(list(storage.store.scan(Scan(words.place, account=work)))) == len(EXAMPLES) // 2
    assert storage.store.stats(words.place).examples == len(EXAMPLES)


def _check_artifacts(storage: Storage) -> None:
    assert storage.blobs.read(1, sha256(BLOB).hexdigest()) == BLOB
    for version, data in enumerate(PARAMETERS, 1):
        found, read = storage.artifacts.read(1, URI, version)
        assert (read, found.context, found.metrics) == (data, {"power"}, (MetricChange("accuracy", 0.5, 0.75),))
    assert storage.artifacts.in_use(1, URI) == (2, sha256(PARAMETERS[1]).hexdigest())
    (session,) = SessionRepository(storage.database).all()
    run = SessionRepository(storage.database).open_run(session.id)
    assert run is not None
    assert (run.start_uri, run.start_version) == (URI, 2)
    assert storage.checkpoints.load(RunKey(1, run.id)) == CHECKPOINT


def test_a_daemon_serves_it(state: Path, tmp_path: Path) -> None:
    with running(tmp_path) as daemon, daemon.control() as control:
        (app,) = control.data(PACKAGE).apps
        assert [(one.collection, one.examples) for one in app.collections] == [("words", len(EXAMPLES))]
        (model,) = control.models(PACKAGE).artifacts
        assert (model.uri, model.version_in_use) == (URI, 2)
        assert control.clear_data(PACKAGE) == len(EXAMPLES)
        assert not control.models(PACKAGE).artifacts[0].versions


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("state.db", "state.db"),
        ("artifacts.db", "artifacts.db"),
        ("examples", "examples/"),
        ("examples/format", "format"),
        ("examples/keyring", "keyring"),
        ("examples/master.key", "master key"),
        ("examples/examples", "examples/CURRENT"),
        ("examples/examples/CURRENT", "examples/CURRENT"),
        ("authority/authority.key", "authority's key"),
    ],
)
def test_a_lost_part_is_named_and_never_made_anew(tmp_path: Path, lost: str, named: str) -> None:
    with tarfile.open(ARCHIVES[-1]) as archive:
        archive.extractall(tmp_path, filter="tar")
    state, aside = tmp_path / "state", tmp_path / "aside"
    shutil.move(state / lost, aside)
    for _ in range(2):
        with pytest.raises(Exception, match=named) as refused:
            opened(state)
        assert "backup" in str(refused.value) or "cannot be read" in str(refused.value)
        assert not (state / lost).exists()
    shutil.move(aside, state / lost)
    storage = opened(state)
    _check_examples(storage)
    storage.close()


@pytest.mark.parametrize("later", ["state.db", "artifacts.db", "examples/format"])
def test_one_later_file_keeps_all_others_from_being_touched(tmp_path: Path, later: str) -> None:
    with tarfile.open(ARCHIVES[0]) as archive:
        archive.extractall(tmp_path, filter="tar")
    state = tmp_path / "state"
    if later.endswith(".db"):
        with closing(sqlite3.connect(state / later)) as connection:
            connection.execute("PRAGMA user_version=999")
    else:
        (state / later).write_text("insitu example store, format 999\n")
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    with pytest.raises((SchemaFromTheFuture, DaemonError), match=r"999.*install the newer release again"):
        opened(state)
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


def test_a_start_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """A new folder of which only the first parts were made is no loss."""
    opened(tmp_path / "state").close()
    for made_last in ("artifacts.db", "state.db"):
        (tmp_path / "state" / made_last).unlink()
        opened(tmp_path / "state").close()
    (tmp_path / "state" / "state.db").write_bytes(b"")
    opened(tmp_path / "state").close()


def test_a_refusal_lets_go_of_the_folder(tmp_path: Path) -> None:
    opened(tmp_path / "state").close()
    (tmp_path / "state" / "state.db").write_bytes(b"no database")
    for _ in range(2):
        with pytest.raises(DataLoss, match="damaged"):
            opened(tmp_path / "state")
