"""What every store does, whatever it keeps its examples in."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from context.clock import ManualClock
from platform_daemon.errors import InvalidArgument, Unavailable
from platform_daemon.store.store import Added, ContextPart, Retention, Scan, Stats, Store
from tests.store.samples import (
    DAY_MS,
    FOREIGN,
    HOUR_MS,
    NETWORK,
    POWER,
    TAPS,
    WORDS,
    add,
    features,
    open_store,
    plain,
    read,
    values,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["leveldb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    store = open_store(request.param, tmp_path, clock)
    yield store
    store.close()


def test_sequences_are_consecutive_within_a_collection(store: Store) -> None:
    assert add(store, b"a", b"b") == Added(1, 2)
    assert add(store, b"c") == Added(3, 1)
    assert add(store, b"d", place=TAPS) == Added(1, 1)
    assert add(store) == Added(4, 0)


def test_scan_goes_both_ways(store: Store) -> None:
    add(store, b"a", b"b", b"c")
    assert values(store) == [b"a", b"b", b"c"]
    assert values(store, newest_first=True) == [b"c", b"b", b"a"]


def test_scan_spans_many_chunks(store: Store) -> None:
    wanted = [b"%d" % number for number in range(1300)]
    for start in range(0, 1300, 100):
        add(store, *wanted[start : start + 100])
    assert values(store) == wanted
    assert values(store, newest_first=True) == wanted[::-1]


def test_scan_takes_bounds_age_and_account(store: Store, clock: ManualClock) -> None:
    add(store, b"old", account=1)
    clock.advance(60)
    since = clock.now_ms()
    add(store, b"mine", account=1)
    add(store, b"hers", account=2)
    assert [one.example for one in read(store, up_to_sequence=2)] == [b"old", b"mine"]
    assert [one.example for one in read(store, up_to_sequence=2, newest_first=True)] == [b"mine", b"old"]
    assert [one.example for one in read(store, added_since_ms=since)] == [b"mine", b"hers"]
    assert [one.example for one in read(store, account=2)] == [b"hers"]
    assert read(store, up_to_sequence=0) == []


def test_scan_sees_the_state_at_its_start(store: Store) -> None:
    add(store, b"a", b"b")
    scan = store.scan(Scan(WORDS, newest_first=False))
    add(store, b"c")
    assert [one.example for one in scan] == [b"a", b"b"]


def test_collections_and_enclaves_are_apart(store: Store) -> None:
    add(store, b"a")
    add(store, b"b", place=FOREIGN)
    assert values(store) == [b"a"]
    assert values(store, FOREIGN) == [b"b"]
    assert values(store, TAPS) == []
    assert store.stats(TAPS) == Stats()


def test_context_comes_as_asked_for(store: Store) -> None:
    add(store, b"a", b"b", context=[POWER, NETWORK])
    add(store, b"c")
    first, second, third = read(store)
    assert first.context == {"power": POWER.features, "network": NETWORK.features}
    assert second.context is first.context
    assert third.context == {}
    assert read(store, types=["power"])[0].context == {"power": POWER.features}
    assert read(store, types=[])[0].context == {}


def test_context_follows_its_changes(store: Store) -> None:
    charging = ContextPart("power", features(charging="no"))
    for example, part in ((b"a", POWER), (b"b", POWER), (b"c", charging), (b"d", POWER)):
        add(store, example, context=(part,))
    parts = [one.context["power"] for one in read(store)]
    assert parts == [POWER.features, POWER.features, charging.features, POWER.features]


def test_accounts_keep_their_own_context(store: Store) -> None:
    for number in range(6):
        part = ContextPart("power", features(level=str(number % 2)))
        add(store, b"x", account=number % 2, context=(part,))
    assert [one.context["power"] for one in read(store)] == [features(level=str(number % 2)) for number in range(6)]


def test_expired_is_invisible_at_once(store: Store, clock: ManualClock) -> None:
    add(store, b"short", ttl_ms=1000)
    add(store, b"long")
    clock.advance(0.999)
    assert values(store) == [b"short", b"long"]
    clock.advance(0.001)
    assert values(store) == [b"long"]
    assert store.stats(WORDS).examples == 1


def test_a_context_part_can_die_first(store: Store, clock: ManualClock) -> None:
    add(store, b"a", context=(ContextPart("power", POWER.features, ttl_ms=HOUR_MS), NETWORK))
    clock.advance(1800)
    add(store, b"b", context=(ContextPart("power", POWER.features, ttl_ms=HOUR_MS), NETWORK))
    clock.advance(1800)
    assert [sorted(one.context) for one in read(store)] == [["network"], ["network", "power"]]
    store.sweep()
    clock.advance(1800)
    store.sweep()
    assert [sorted(one.context) for one in read(store)] == [["network"], ["network"]]


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_running_scan_skips_what_goes_meanwhile(store: Store, clock: ManualClock, newest_first: bool) -> None:
    add(store, b"keeps", b"on", context=[POWER, NETWORK])
    add(store, b"account", account=2)
    add(store, b"expires", ttl_ms=1000)
    add(store, b"here", b"too", context=[POWER, NETWORK])
    scan = store.scan(Scan(WORDS, frozenset({"power", "network"}), newest_first))
    assert next(scan).context.keys() == {"power", "network"}
    clock.advance(1)
    store.clear(WORDS, account=2)
    store.revoke(1, "power")
    rest = list(scan)
    assert len(rest) == 3
    assert all(one.context == {"network": NETWORK.features} for one in rest)
    store.clear(WORDS)
    assert list(scan) == []


def test_a_running_scan_ends_with_a_clear(store: Store) -> None:
    add(store, *[b"x"] * 2000)
    scan = store.scan(Scan(WORDS))
    next(scan)
    store.clear(WORDS)
    add(store, b"new")
    assert list(scan) == []


def test_a_running_scan_goes_on_through_rekeying(store: Store) -> None:
    add(store, *[b"%d" % number for number in range(1000)], context=[POWER])
    scan = store.scan(Scan(WORDS, frozenset({"power"}), newest_first=False))
    assert next(scan).example == b"0"
    store.shorten(WORDS, HOUR_MS)
    store.revoke(1, "power", frozenset({"level"}))
    store.sweep()
    rest = list(scan)
    assert [one.example for one in rest] == [b"%d" % number for number in range(1, 1000)]
    assert all(one.context == {"power": features(level="80")} for one in rest)


def test_clear_counts_the_living_and_reuses_no_sequence(store: Store, clock: ManualClock) -> None:
    add(store, b"expired", ttl_ms=1)
    clock.advance(1)
    add(store, b"a", b"b", context=[POWER])
    assert store.clear(WORDS) == 2
    assert values(store) == []
    assert store.stats(WORDS) == Stats()
    assert add(store, b"c", context=[POWER]) == Added(4, 1)
    assert read(store)[0].context == {"power": POWER.features}
    assert store.clear(TAPS) == 0


def test_clear_of_an_account_leaves_the_others(store: Store) -> None:
    for number in range(6):
        add(store, b"%d" % number, account=number % 2, context=[POWER])
    assert store.clear(WORDS, account=1) == 3
    assert values(store) == [b"0", b"2", b"4"]
    assert store.stats(WORDS).examples == 3
    assert all(one.context == {"power": POWER.features} for one in read(store))
    assert store.clear(WORDS, account=1) == 0


def test_revoked_context_is_gone_until_granted_again(store: Store) -> None:
    add(store, b"a", context=[POWER, NETWORK])
    add(store, b"b", place=FOREIGN, context=[POWER])
    store.revoke(1, "power")
    assert read(store)[0].context == {"network": NETWORK.features}
    assert read(store, FOREIGN)[0].context == {"power": POWER.features}
    add(store, b"c", context=[POWER, NETWORK])
    store.sweep()
    assert [sorted(one.context) for one in read(store)] == [["network"], ["network", "power"]]


def test_narrowing_keeps_some_features(store: Store) -> None:
    add(store, b"a", context=[POWER, NETWORK])
    add(store, b"b", place=TAPS, context=[ContextPart("power", features(charging="no"))])
    store.revoke(1, "power", frozenset({"level"}))
    assert read(store)[0].context == {"power": features(level="80"), "network": NETWORK.features}
    assert read(store, TAPS)[0].context == {}
    add(store, b"c", context=[POWER])
    store.sweep()
    assert [one.context["power"] for one in read(store)] == [features(level="80"), POWER.features]


def test_shortening_brings_expiry_forward_only(store: Store, clock: ManualClock) -> None:
    add(store, b"old", context=[POWER])
    clock.advance(1800)
    add(store, b"new", context=[POWER])
    add(store, b"brief", ttl_ms=600_000, context=[POWER])
    store.shorten(WORDS, 2 * DAY_MS)
    assert values(store) == [b"old", b"new", b"brief"]
    store.shorten(WORDS, HOUR_MS)
    assert [one.context for one in read(store)] == [{"power": POWER.features}] * 3
    assert store.stats(WORDS).next_expiry_ms == clock.now_ms() + 600_000
    clock.advance(1800)
    store.sweep()
    assert plain(read(store))[0][2:] == (b"new", {"power": POWER.features})
    assert store.stats(WORDS).examples == 1
    clock.advance(1800)
    assert values(store) == []


def test_shortening_below_the_age_deletes(store: Store, clock: ManualClock) -> None:
    add(store, b"a")
    clock.advance(3600)
    add(store, b"b")
    store.shorten(WORDS, HOUR_MS)
    assert values(store) == [b"b"]
    assert store.stats(WORDS).examples == 1


def test_the_oldest_make_way(store: Store) -> None:
    add(store, b"a", b"b", b"c", max_examples=4, context=[POWER])
    add(store, b"d", b"e", max_examples=4, context=[NETWORK])
    assert values(store) == [b"b", b"c", b"d", b"e"]
    assert read(store)[0].context == {"power": POWER.features}
    add(store, b"f", max_examples=2)
    assert values(store) == [b"e", b"f"]
    assert store.stats(WORDS).size_bytes == 2
    store.sweep()
    assert [sorted(one.context) for one in read(store)] == [["network"], []]


def test_of_a_batch_beyond_the_limit_the_last_stay(store: Store) -> None:
    add(store, b"a", max_examples=2)
    assert add(store, b"b", b"c", b"d", max_examples=2) == Added(2, 3)
    assert [(one.sequence, one.example) for one in read(store)] == [(3, b"c"), (4, b"d")]


def test_the_expired_do_not_count_against_the_limit(store: Store, clock: ManualClock) -> None:
    add(store, b"long")
    add(store, b"brief", b"brief", ttl_ms=1000)
    clock.advance(1)
    add(store, b"next", max_examples=2)
    assert values(store) == [b"long", b"next"]
    add(store, b"last", max_examples=2)
    assert values(store) == [b"next", b"last"]


def test_a_repeated_batch_is_stored_once(store: Store, clock: ManualClock) -> None:
    first = add(store, b"a", b"b", key=b"k1")
    assert add(store, b"a", b"b", key=b"k1") == Added(first.first_sequence, 2, repeated=True)
    assert not add(store, b"c", key=b"k2").repeated
    assert not add(store, b"a", place=TAPS, key=b"k1").repeated
    store.clear(WORDS)
    assert add(store, b"a", b"b", key=b"k1").repeated
    assert values(store) == []
    clock.advance(DAY_MS / 1000)
    assert not add(store, b"a", b"b", key=b"k1").repeated
    store.sweep()
    assert add(store, b"a", b"b", key=b"k1").repeated


def test_stats_are_exact(store: Store, clock: ManualClock) -> None:
    start = clock.now_ms()
    add(store, b"1234", ttl_ms=HOUR_MS, context=[POWER])
    clock.advance(60)
    add(store, b"12", b"3", ttl_ms=2 * HOUR_MS)
    assert store.stats(WORDS) == Stats(3, 7, start, start + 60_000, start + HOUR_MS)
    clock.advance(3540)
    assert store.stats(WORDS) == Stats(2, 3, start + 60_000, start + 60_000, start + 60_000 + 2 * HOUR_MS)
    assert store.sweep().examples == 1
    assert store.stats(WORDS).examples == 2
    assert values(store) == [b"12", b"3"]


@pytest.mark.parametrize("jump_s", [-3540, -86_400, -315_360_000])
def test_no_jump_back_revives(store: Store, clock: ManualClock, jump_s: int) -> None:
    add(store, b"1234", ttl_ms=HOUR_MS, context=[POWER])
    clock.advance(60)
    add(store, b"12", ttl_ms=2 * HOUR_MS)
    clock.advance(3540)
    assert values(store) == [b"12"]
    clock.jump(jump_s)
    assert store.stats(WORDS).examples == 1
    assert values(store) == [b"12"]
    clock.advance(3660)
    assert values(store) == []
    assert store.sweep().examples == 2


def test_the_owner_brings_back_what_a_mistaken_clock_had_hidden(store: Store, clock: ManualClock) -> None:
    add(store, b"brief", ttl_ms=HOUR_MS)
    add(store, b"long", ttl_ms=DAY_MS)
    clock.jump(2 * 86_400)
    assert values(store) == []
    clock.jump(-2 * 86_400)
    clock.advance(3600)
    assert values(store) == []
    store.unhide()
    assert values(store) == [b"long"]
    assert store.stats(WORDS).examples == 1


@pytest.mark.parametrize("jump_s", [86_400, 315_360_000])
def test_a_jump_forward_hides_and_destroys_nothing(store: Store, clock: ManualClock, jump_s: int) -> None:
    """What is stored meanwhile lives on when the jump was a mistake, and no longer than it was to."""
    part = ContextPart("power", POWER.features, HOUR_MS)
    add(store, b"before", ttl_ms=HOUR_MS)
    add(store, b"long", ttl_ms=20 * 365 * DAY_MS, context=[part])
    clock.jump(jump_s)
    assert values(store) == [b"long"]
    assert [dict(one.context) for one in read(store)] == [{}]
    assert store.stats(WORDS).examples == 1
    add(store, b"meanwhile", ttl_ms=HOUR_MS)
    assert store.sweep().examples == 0
    clock.jump(-jump_s)
    assert values(store) == [b"long", b"meanwhile"]
    assert [dict(one.context) for one in read(store)] == [{}, {}]
    add(store, b"after", ttl_ms=HOUR_MS)
    assert values(store) == [b"long", b"meanwhile", b"after"]
    assert store.stats(WORDS).examples == 3
    clock.advance(3600)
    assert values(store) == [b"long"]
    assert store.sweep().examples == 3


def test_sweeping_changes_nothing_that_lives(store: Store, clock: ManualClock) -> None:
    for number in range(5):
        add(store, b"%d" % number, ttl_ms=(number + 1) * HOUR_MS, context=[POWER])
    clock.advance(2 * 3600)
    before = plain(read(store))
    assert store.sweep().examples == 2
    assert store.sweep().examples == 0
    assert plain(read(store)) == before
    assert [entry[2] for entry in before] == [b"2", b"3", b"4"]


def test_a_removed_enclave_leaves_nothing(store: Store) -> None:
    add(store, b"a", context=[POWER], key=b"k")
    add(store, b"b", place=TAPS)
    add(store, b"c", place=FOREIGN)
    store.remove_enclave(1)
    assert values(store) == values(store, TAPS) == []
    assert values(store, FOREIGN) == [b"c"]
    assert add(store, b"a", key=b"k") == Added(1, 1)


@pytest.mark.parametrize("ttl_ms", [0, -1, 2**62])
def test_a_lifetime_must_be_sensible(ttl_ms: int) -> None:
    with pytest.raises(InvalidArgument, match=r"retention\.ttl_ms"):
        Retention(ttl_ms)


def test_other_options_must_be_sensible() -> None:
    with pytest.raises(InvalidArgument, match=r"retention\.max_examples"):
        Retention(1, max_examples=-1)
    with pytest.raises(InvalidArgument, match=r"context\.power\.ttl_ms"):
        ContextPart("power", b"", ttl_ms=0)


def test_what_was_added_can_be_made_durable(store: Store) -> None:
    store.sync().result()
    add(store, b"a")
    add(store, b"b", place=FOREIGN)
    for joined in [store.sync() for _ in range(3)]:
        joined.result()
    assert values(store) == [b"a"]


def test_a_closed_store_says_so(store: Store) -> None:
    add(store, *[b"x"] * 10)
    scan = store.scan(Scan(WORDS))
    next(scan)
    store.close()
    store.close()
    with pytest.raises(Unavailable):
        add(store, b"a")
    with pytest.raises(Unavailable):
        store.stats(WORDS)
    with pytest.raises(Unavailable):
        store.sync()
    with pytest.raises(Unavailable):
        list(scan)


def test_closing_waits_for_those_inside(store: Store) -> None:
    started = threading.Barrier(7)
    wrong: list[BaseException] = []

    def work(action: str) -> None:
        started.wait()
        try:
            while True:
                match action:
                    case "add":
                        add(store, *[b"x" * 100] * 50, context=[POWER], max_examples=500)
                    case "read":
                        assert set(values(store)) <= {b"x" * 100}
                    case "erase":
                        store.revoke(1, "power")
                        store.clear(WORDS, account=2)
                    case _:
                        store.sweep()
                        store.stats(WORDS)
        except Unavailable:
            return
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            wrong.append(error)

    actions = ("add", "add", "read", "read", "erase", "sweep")
    threads = [threading.Thread(target=work, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    started.wait()
    for _ in range(20):
        add(store, b"x" * 100)
    store.close()
    for thread in threads:
        thread.join(timeout=20)
    assert wrong == []
