"""What is told of the store, where apps are told apart by their package alone."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from context.clock import ManualClock
from platform_daemon.access import SCHEMA as ACCESS_SCHEMA
from platform_daemon.access import Apps
from platform_daemon.access.issuer import CertificateRequest
from platform_daemon.metrics.device import collection_families
from platform_daemon.metrics.exposition import render
from platform_daemon.state import Database
from platform_daemon.state.collections import SCHEMA, CollectionRepository
from platform_daemon.store.memory import MemoryStore
from tests.store.samples import add

USERS = {"com.example.shared": (1000, 1001), "com.example.single": (1000,), "com.example.silent": (1000,)}


def test_what_two_users_have_of_one_package_is_one_sum(tmp_path: Path) -> None:
    clock = ManualClock()
    database = Database(tmp_path / "state.db", (ACCESS_SCHEMA, SCHEMA))
    apps, collections, store = Apps(database, clock), CollectionRepository(database), MemoryStore(clock)
    for package, users in USERS.items():
        apps.request(CertificateRequest(package, package.encode(), "request"), b"key", (), 1000)
        apps.approve(package, "certificate")
        for uid in users:
            words = collections.configure(apps.enclave(package, uid).number, "words")
            if package != "com.example.silent":
                add(store, b"xyz", b"x", place=words.place)
    text = render(collection_families(apps, collections, store))
    samples = [
        (sample.name, sample.labels["package"].rpartition(".")[2], sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert samples == [
        ("insitu_examples", "shared", 4),
        ("insitu_examples", "single", 2),
        ("insitu_examples", "silent", 0),
        ("insitu_example_bytes", "shared", 8),
        ("insitu_example_bytes", "single", 4),
        ("insitu_example_bytes", "silent", 0),
    ]
