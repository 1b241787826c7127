"""What every store does at an app's limits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import ResourceExhausted
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.quota import Quota, Usage
from platform_daemon.store.store import Place, Store
from tests.store.samples import FOREIGN, HOUR_MS, POWER, TAPS, WORDS, add, open_store, values

QUOTA = Quota(examples=10, size_bytes=1000)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "leveldb"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = open_store(request.param, tmp_path, clock, QUOTA)
    yield opened
    opened.close()


def refused(store: Store, *examples: bytes, place: Place = WORDS, max_examples: int = 0, key: bytes = b"") -> str:
    """The reason why a batch is not stored."""
    before = (store.usage(place.enclave), store.stats(place))
    with pytest.raises(ResourceExhausted, match="clear some") as caught:
        add(store, *examples, place=place, max_examples=max_examples, key=key)
    assert (store.usage(place.enclave), store.stats(place)) == before
    return caught.value.reason


def test_examples_of_all_collections_count(store: Store) -> None:
    add(store, *[b"x"] * 6)
    add(store, *[b"x"] * 4, place=TAPS)
    assert refused(store, b"x") == refused(store, b"x", place=TAPS) == "QUOTA_EXAMPLES"
    assert store.usage(1) == Usage(10, 10)
    add(store, *[b"x"] * 10, place=FOREIGN)
    assert store.usage(2) == Usage(10, 10)
    assert store.usage(3) == Usage()


def test_bytes_count_as_the_app_gave_them(store: Store) -> None:
    add(store, b"x" * 600, context=[POWER])
    assert refused(store, b"y" * 401) == "QUOTA_BYTES"
    add(store, b"y" * 400, place=TAPS)
    assert refused(store, b"z") == "QUOTA_BYTES"


def test_a_batch_beyond_a_limit_is_refused_whole_and_may_be_repeated(store: Store, clock: ManualClock) -> None:
    add(store, *[b"x"] * 8, ttl_ms=HOUR_MS)
    assert refused(store, *[b"y"] * 3, key=b"k") == "QUOTA_EXAMPLES"
    clock.advance(3600)
    assert not add(store, *[b"y"] * 3, key=b"k").repeated
    assert add(store, *[b"y"] * 3, key=b"k").repeated
    assert values(store) == [b"y"] * 3


def test_what_was_stored_may_be_repeated_at_the_limit(store: Store) -> None:
    add(store, *[b"x"] * 10, key=b"k")
    assert add(store, *[b"x"] * 10, key=b"k").repeated
    add(store)


def test_what_expires_makes_room_at_once(store: Store, clock: ManualClock) -> None:
    add(store, *[b"x"] * 6, ttl_ms=HOUR_MS)
    add(store, *[b"y"] * 4, place=TAPS, ttl_ms=2 * HOUR_MS)
    assert refused(store, b"z") == "QUOTA_EXAMPLES"
    clock.advance(3600)
    assert store.usage(1) == Usage(4, 4)
    add(store, *[b"z"] * 6, place=TAPS)
    assert refused(store, b"z") == "QUOTA_EXAMPLES"
    store.sweep()
    assert refused(store, b"z") == "QUOTA_EXAMPLES"
    assert store.usage(1) == Usage(10, 10)


def test_what_is_cleared_revoked_or_shortened_is_counted_right(store: Store, clock: ManualClock) -> None:
    add(store, *[b"x"] * 5, account=1, context=[POWER])
    add(store, *[b"x"] * 5, account=2)
    store.revoke(1, "power")
    assert refused(store, b"x") == "QUOTA_EXAMPLES"
    store.clear(WORDS, account=2)
    assert store.usage(1) == Usage(5, 5)
    add(store, *[b"x"] * 5, place=TAPS)
    clock.advance(60)
    store.shorten(TAPS, 1000)
    assert store.usage(1) == Usage(5, 5)
    store.remove_enclave(1)
    assert store.usage(1) == Usage()
    add(store, *[b"x"] * 10)


def test_a_full_collection_goes_on_replacing_its_oldest(store: Store) -> None:
    add(store, *[b"x" * 100] * 10, max_examples=10)
    for number in range(5):
        add(store, b"%d" % number, max_examples=10)
    assert store.usage(1) == Usage(10, 505)
    assert refused(store, *[b"y" * 200] * 6, max_examples=10) == "QUOTA_BYTES"
    add(store, *[b"y"] * 50, max_examples=10)
    assert store.usage(1) == Usage(10, 10)


def test_many_threads_do_not_exceed_it_together(store: Store) -> None:
    stored: list[int] = []
    start = threading.Barrier(8)

    def write(place: Place) -> None:
        start.wait()
        for _ in range(5):
            try:
                stored.append(add(store, b"x", place=place).count)
            except ResourceExhausted:
                continue

    threads = [threading.Thread(target=write, args=(Place(1, 1 + n % 3),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(stored) == store.usage(1).examples == 10


def test_a_restart_forgets_nothing_and_may_lower_the_limit(tmp_path: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(tmp_path / "store", clock, quota=QUOTA)
    add(store, *[b"x" * 50] * 8)
    store.close()
    store = LevelDBStore.open(tmp_path / "store", clock, quota=Quota(examples=5, size_bytes=1000))
    assert store.usage(1) == Usage(8, 400)
    assert refused(store, b"x") == "QUOTA_EXAMPLES"
    add(store, b"y", max_examples=8)
    assert store.usage(1) == Usage(8, 351)
    store.close()


def test_the_limit_is_named_with_its_remedy(store: Store) -> None:
    add(store, *[b"x"] * 10)
    with pytest.raises(
        ResourceExhausted, match=r"stores 10 examples and may store 10.*limits\.quota_examples"
    ) as caught:
        add(store, b"x")
    assert caught.value.detail == "10"
