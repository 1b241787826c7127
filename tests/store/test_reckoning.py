"""Examples that are silently lost are told, once; what is left is served, expires and goes as before."""

from collections.abc import Callable, Iterable
from pathlib import Path

import plyvel
import pytest
from hypothesis import example as such_as
from hypothesis import given, settings
from hypothesis import strategies as st

from context.clock import ManualClock
from platform_daemon.errors import DataLoss
from platform_daemon.store import layout
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.store import Place, Scan
from tests.store.samples import DAY_MS, FOREIGN, HOUR_MS, POWER, TAPS, WORDS, add, read, tables, values

EXAMPLES = [b"%d" % number for number in range(30)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path, clock: ManualClock) -> Path:
    """A closed store: ten batches of three in one collection, and two others."""
    store = LevelDBStore.open(tmp_path / "store", clock)
    for first in range(0, 30, 3):
        add(store, *EXAMPLES[first : first + 3], account=first % 2, context=[POWER])
    add(store, b"tap", place=TAPS)
    add(store, b"foreign", place=FOREIGN)
    store.close()
    return tmp_path / "store"


def lose(folder: Path, *keys: bytes) -> None:
    database = plyvel.DB(str(folder / "examples"))
    for key in keys:
        assert database.get(key) is not None
        database.delete(key)
    database.close()


def example_keys(*sequences: int) -> list[bytes]:
    return [layout.example_key(1, 1, sequence) for sequence in sequences]


def without(*sequences: int) -> list[bytes]:
    return [example for number, example in enumerate(EXAMPLES, 1) if number not in sequences]


def test_a_whole_scan_tells_of_lost_examples_once(folder: Path, clock: ManualClock) -> None:
    lose(folder, *example_keys(1, 5, 17, 18, 30))
    store = LevelDBStore.open(folder, clock)
    met: list[bytes] = []
    with pytest.raises(DataLoss, match="5 stored examples were lost") as caught:
        met.extend(one.example for one in store.scan(Scan(WORDS, newest_first=False)))
    assert (caught.value.reason, caught.value.detail) == ("EXAMPLES_LOST", "5")
    assert met == without(1, 5, 17, 18, 30)
    assert values(store) == met
    assert (store.stats(WORDS).examples, store.stats(WORDS).lost, store.usage(1).examples) == (25, 5, 26)
    assert (values(store, TAPS), values(store, FOREIGN)) == ([b"tap"], [b"foreign"])
    assert add(store, b"next").first_sequence == 31
    store.close()
    store = LevelDBStore.open(folder, clock)
    assert store.stats(WORDS).lost == 5
    assert values(store) == [*met, b"next"]
    store.clear(WORDS, account=0)
    assert store.stats(WORDS).lost == 5
    store.clear(WORDS)
    assert store.stats(WORDS).lost == 0
    store.close()
    assert tables(folder)["l"] == 0


@pytest.mark.parametrize(
    "scan",
    [
        Scan(WORDS, up_to_sequence=29),
        Scan(WORDS, up_to_sequence=3, newest_first=False),
    ],
)
def test_a_scan_of_a_part_cannot_tell(folder: Path, clock: ManualClock, scan: Scan) -> None:
    lose(folder, *example_keys(2))
    store = LevelDBStore.open(folder, clock)
    list(store.scan(scan))
    assert store.stats(WORDS).lost == 0
    for whole in (Scan(WORDS, account=1), Scan(WORDS, up_to_sequence=30), Scan(WORDS, added_since_ms=2**60)):
        with pytest.raises(DataLoss):
            list(store.scan(whole))
        list(store.scan(whole))
        lose_one(store)
    store.close()


def lose_one(store: LevelDBStore) -> None:
    """As a disk may under an open store."""
    database = store._database._db
    with database.iterator(prefix=layout.example_prefix(1, 1), include_value=False) as keys:
        database.delete(next(keys))


def test_what_is_deleted_while_a_scan_runs_is_not_lost(folder: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(folder, clock)

    def expire() -> None:
        clock.advance(DAY_MS / 1000 + HOUR_MS / 1000)
        store.sweep()

    deletions: list[Callable[[], object]] = [
        lambda: add(store, b"more", b"more", max_examples=20),
        lambda: store.clear(WORDS, account=1),
        expire,
        lambda: store.remove_enclave(1),
    ]
    for delete in deletions:
        scan = store.scan(Scan(WORDS))
        next(scan, None)
        delete()
        list(scan)
        add(store, *[b"x"] * 10)
        values(store)
        assert store.reckon() == 0
        assert store.stats(WORDS).lost == 0
    store.close()


def test_an_app_that_adds_meanwhile_disturbs_no_count(folder: Path, clock: ManualClock) -> None:
    lose(folder, *example_keys(9))
    store = LevelDBStore.open(folder, clock)
    scan = store.scan(Scan(WORDS, newest_first=False))
    next(scan)
    add(store, *[b"new"] * 700)
    with pytest.raises(DataLoss, match="1 stored"):
        list(scan)
    assert store.stats(WORDS).examples == 729
    store.close()


def test_counting_finds_what_nobody_reads(folder: Path, clock: ManualClock) -> None:
    lose(folder, *example_keys(3, 4), layout.example_key(2, 1, 1))
    store = LevelDBStore.open(folder, clock)
    # Of an emptied collection the look at opening tells.
    assert (store.stats(FOREIGN).lost, store.stats(WORDS).lost) == (1, 0)
    assert store.reckon() == 2
    assert store.reckon() == 0
    assert store.stats(WORDS).lost == 2
    assert values(store) == without(3, 4)
    store.close()


def test_a_lost_ledger_costs_no_example(folder: Path, clock: ManualClock) -> None:
    lose(folder, layout.ledger_key(1, 1))
    store = LevelDBStore.open(folder, clock)
    assert (values(store), store.stats(WORDS).examples, store.stats(WORDS).lost) == (EXAMPLES, 30, 0)
    assert add(store, b"next").first_sequence == 31
    store.close()


def test_examples_without_an_index_entry_expire_and_go(folder: Path, clock: ManualClock) -> None:
    database = plyvel.DB(str(folder / "examples"))
    runs = [key for key, _ in database.iterator(prefix=layout.place_prefix(b"r", 1, 1))]
    database.close()
    lose(folder, *runs[2:5])
    store = LevelDBStore.open(folder, clock)
    assert store.reckon() == 0
    assert values(store) == EXAMPLES
    clock.advance(2 * DAY_MS / 1000)
    assert store.sweep().examples == 32
    store.close()
    assert set(tables(folder)) <= {"m"}


def _some_of(keys: Iterable[bytes], chosen: list[bool]) -> list[bytes]:
    return [key for key, choice in zip(sorted(keys), chosen, strict=False) if choice]


@settings(max_examples=30, deadline=None)
@given(
    batches=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 2), st.sampled_from([0, 0, 1])), min_size=1, max_size=8
    ),
    lost=st.lists(st.booleans(), min_size=60, max_size=60),
)
@such_as(batches=[(1, 1, 0), (1, 1, 0)], lost=[True] * 3 + [False] * 57)
def test_whatever_is_lost_the_rest_is_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, int, int]], lost: list[bool]
) -> None:
    folder, clock = tmp_path_factory.mktemp("lost") / "store", ManualClock()
    store = LevelDBStore.open(folder, clock)
    for number, (count, account, pause_s) in enumerate(batches):
        add(store, *[b"%d/%d" % (number, index) for index in range(count)], account=account, context=[POWER])
        clock.advance(pause_s)
    store.close()
    database = plyvel.DB(str(folder / "examples"))
    keys = [key for key in database.iterator(include_value=False) if key[:1] in (b"e", b"r", b"m")]
    database.close()
    gone = _some_of(keys, lost)
    lose(folder, *gone)
    left = sum(count for count, _, _ in batches) - sum(key[:1] == b"e" for key in gone)
    store = LevelDBStore.open(folder, clock)
    store.reckon()
    assert len(read(store)) == store.stats(WORDS).examples == store.usage(1).examples == left
    assert store.reckon() == 0
    added = add(store, b"next", max_examples=max(1, left // 2))
    assert [one.sequence for one in read(store)][-1] == added.first_sequence
    assert store.stats(WORDS).examples == len(read(store)) == max(1, left // 2)
    clock.advance(2 * DAY_MS / 1000)
    store.sweep()
    store.close()
    assert set(tables(folder)) <= {"m", "l"}


def test_places_that_hold_nothing_are_not_counted(tmp_path: Path, clock: ManualClock) -> None:
    store = LevelDBStore.open(tmp_path / "store", clock)
    assert store.reckon() == 0
    assert values(store, Place(7, 7)) == []
    store.close()
