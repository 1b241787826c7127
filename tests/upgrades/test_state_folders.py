"""K15: state folders that earlier releases wrote, opened by this one; and what it says of those that are not whole."""

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.configuration import LimitsSection
from platform_daemon.errors import DaemonError, DataLoss
from platform_daemon.state import SchemaFromTheFuture
from platform_daemon.storage import Storage
from tests.daemon.harness import running
from tests.upgrades.expected import check_artifacts, check_examples, check_owner
from tests.upgrades.write_state import EXAMPLES, PACKAGE, URI

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
        check_owner(storage)
        check_examples(storage)
        check_artifacts(storage)
        storage.close()


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
    check_examples(storage)
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
