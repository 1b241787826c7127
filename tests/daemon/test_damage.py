"""What the owner is told of records that somebody, or the disk, has changed."""

from pathlib import Path

import plyvel
import pytest
from click.testing import CliRunner

from client_lib import CollectionOptions
from context import SystemClock
from insitu.v1.control_pb2 import DamagedRecords
from insitu_cli.root import cli
from platform_daemon.errors import DataLoss
from platform_daemon.store import layout
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place, Scan
from tests.daemon.harness import running

PACKAGE = "com.example.damaged"


def exchange(state: Path, place: Place) -> None:
    """Put the second example where the first was, and read until that has been noticed."""
    first, second = (layout.example_key(place.enclave, place.collection, sequence) for sequence in (1, 2))
    with plyvel.DB(str(state / "examples" / "examples")) as database:
        database.put(first, database.get(second))
    store = LevelDBStore.open(state / "examples", SystemClock())
    with pytest.raises(DataLoss, match="set aside"):
        list(store.scan(Scan(place)))
    assert len(list(store.scan(Scan(place)))) == 2
    store.close()


def test_damaged_records_are_counted_until_cleared(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        credentials = daemon.new_app(PACKAGE)
        with daemon.connect(credentials) as learning:
            words = learning.get_collection_client(CollectionOptions("words"))
            words.add_many([{"x": float(number)} for number in range(3)]).result()
        daemon.stop()
        exchange(tmp_path / "state", daemon.place(PACKAGE, "words"))
        daemon.start()
        with daemon.control() as control:
            (app,) = control.data(PACKAGE).apps
            assert list(app.damaged) == [DamagedRecords(collection="words", records=1)]
            assert app.collections[0].examples == 2
            shown = CliRunner().invoke(cli, ["data", "show", PACKAGE], env={"INSITU_HOME": str(tmp_path)})
            assert f"{PACKAGE}: 1 record of words failed authentication" in shown.stdout
            assert f"insitu data clear {PACKAGE} --collection words deletes all of it" in shown.stdout
            assert control.clear_data(PACKAGE, "words") == 2
            assert not control.data(PACKAGE).apps[0].damaged
