"""What the owner decides holds from the moment the answer is there, whatever is on its way."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from client_lib import CollectionOptions, ContextType, InsituError, Learning
from client_lib.control import ControlClient
from platform_daemon.store.store import Place, Scan
from tests.daemon.harness import Daemon, running
from tests.faults.evidence import CONTEXT_TYPES, opened_store

pytestmark = pytest.mark.faults

THREADS = 10
BATCH = 800
ROUNDS = 6


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path) as started:
        yield started


@contextmanager
def adding(daemon: Daemon, keys: Path, account: Callable[[], str | None] = lambda: None) -> Iterator[set[str]]:
    """Connections of one app that add all the while. Yields the reasons with which they are refused."""
    stop, refusals = threading.Event(), set[str]()

    def add(learning: Learning) -> None:
        words = learning.get_collection_client("words")
        while not stop.is_set():
            try:
                words.add_many(({"n": n, "text": "x" * 400} for n in range(BATCH)), account()).result()
            except InsituError as error:
                refusals.add(error.reason)

    connections = [daemon.connect(keys) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(add, learning) for learning in connections]
        try:
            yield refusals
        finally:
            stop.set()
        for task in tasks:
            task.result(60)
    for learning in connections:
        learning.close()


def counted(control: ControlClient, package: str) -> int:
    ((collection,),) = (app.collections for app in control.data(package).apps)
    return collection.examples


def test_nothing_is_collected_once_consent_is_withdrawn(daemon: Daemon) -> None:
    keys, chance = daemon.new_app("com.example.asked"), random.Random(1)
    with daemon.connect(keys) as learning, daemon.control() as control:
        words = learning.get_collection_client(CollectionOptions("words"))
        for _ in range(ROUNDS):
            control.set_consent(keys.stem, given=True)
            with adding(daemon, keys) as refusals:
                time.sleep(chance.uniform(0.05, 0.2))
                control.set_consent(keys.stem, given=False)
                # Not through the app's own calls, which would wait behind those that are on their way.
                stored = counted(control, keys.stem)
            assert refusals <= {"NO_CONSENT"}
            assert words.stats().examples == stored
            assert words.clear() == stored


def test_a_removed_app_leaves_nothing_that_was_on_its_way(daemon: Daemon) -> None:
    chance, places = random.Random(2), list[Place]()
    with daemon.control() as control:
        for number in range(ROUNDS):
            keys = daemon.new_app(f"com.example.leaving{number}")
            with daemon.connect(keys) as learning:
                learning.get_collection_client(CollectionOptions("words")).add({"n": 1}).result()
            places.append(daemon.place(keys.stem, "words"))
            with adding(daemon, keys) as refusals:
                time.sleep(chance.uniform(0.05, 0.2))
                control.remove_app(keys.stem)
            assert refusals <= {"NOT_APPROVED", "UNAUTHENTICATED", "NOT_FOUND", "NO_SESSION", "NO_CONSENT"}
    assert daemon.stop() == 0
    with opened_store(daemon) as store:
        for place in places:
            assert list(store.scan(Scan(place))) == []
            assert store.stats(place).examples == 0


def test_nothing_revoked_is_stored_although_it_was_on_its_way(daemon: Daemon) -> None:
    keys, chance = daemon.new_app("com.example.sensing", context=("power",)), random.Random(3)
    daemon.set_context("power", charging=1)
    with daemon.connect(keys) as learning, daemon.control() as control:
        learning.get_collection_client(CollectionOptions("words", context=[ContextType.POWER]))
        with adding(daemon, keys) as refusals:
            for _ in range(ROUNDS):
                control.set_permission(keys.stem, "power", granted=True)
                time.sleep(chance.uniform(0.05, 0.2))
                control.set_permission(keys.stem, "power", granted=False)
        assert refusals == set()
    assert daemon.stop() == 0
    with opened_store(daemon) as store:
        found = list(store.scan(Scan(daemon.place(keys.stem, "words"), context_types=CONTEXT_TYPES)))
    assert found
    assert not any(one.context for one in found)


def test_an_account_may_be_new_to_many_at_once(daemon: Daemon) -> None:
    keys, numbers = daemon.new_app("com.example.accounts"), iter(range(1_000_000))
    with daemon.connect(keys) as learning:
        learning.get_collection_client(CollectionOptions("words"))
    with adding(daemon, keys, lambda: f"account-{next(numbers) // THREADS}") as refusals:
        time.sleep(1.0)
    assert refusals == set()
