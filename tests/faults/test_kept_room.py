"""A disk that examples have filled as far as they may: the owner deletes all the same, and the daemon starts again."""

import os
from pathlib import Path

import pytest

from client_lib import CollectionClient, CollectionOptions, InsituError
from tests.daemon.harness import SCRIPTED, Daemon
from tests.faults.full_disk import small_disk_daemon
from tests.store.small_disk import namespaces

EXAMPLE_BYTES = 40_000
MOST = 3000
"""More than fit."""


def fill_with_examples(collection: CollectionClient) -> int:
    """How many there was room for."""
    for stored in range(MOST):
        try:
            collection.add({"x": os.urandom(EXAMPLE_BYTES)}).result(30)
        except InsituError as error:
            if error.reason == "DISK_FULL" and "limits.disk_reserve_bytes" in str(error):
                return stored
            raise
    raise AssertionError("the disk took them all")


def restart(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()


@pytest.mark.faults
@pytest.mark.parametrize("size_mib", [48, 160])
def test_a_full_disk_lets_the_owner_delete(tmp_path: Path, size_mib: int) -> None:
    if not namespaces():
        pytest.skip("the machine lets no child mount a file system of its own")
    with small_disk_daemon(tmp_path, SCRIPTED, size_mib) as daemon:
        app = daemon.app("com.example.hoarder")
        for _ in range(2):
            with daemon.connect(app) as learning:
                words = learning.get_collection_client(CollectionOptions("words"))
                assert fill_with_examples(words) > 100
                restart(daemon)
                assert words.stats().examples > 100
                words.clear()
                assert words.stats().examples == 0
        with daemon.connect(app) as learning:
            fill_with_examples(learning.get_collection_client("words"))
        with daemon.control() as control:
            control.remove_app("com.example.hoarder")
            assert [one.package for one in control.apps().apps] == []
        restart(daemon)
