"""K7: any order of storing, reading, expiring, revoking, granting again, clearing, removing apps, restarting, and of
jumps of the clock, gives what the model in memory gives, and nothing that was erased is ever read."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from context.clock import ManualClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.memory import MemoryStore
from platform_daemon.store.scope import Selector
from platform_daemon.store.store import Batch, ContextPart, Place, Retention, Scan
from tests.store.samples import die, features, plain, tables

PLACES = st.builds(Place, st.integers(1, 3), st.integers(1, 2))
ACCOUNTS = st.integers(1, 2)
TYPES = ("power", "network")
TTLS_MS = st.sampled_from([1, 10, 1000, 40_000, 3_600_000, 86_400_000])
PARTS = st.builds(
    lambda name, level, ttl_ms: ContextPart(name, features(level=level, kind=level * 2), ttl_ms),
    st.sampled_from(TYPES),
    st.sampled_from("ab"),
    st.none() | TTLS_MS,
)
CONTEXT = st.lists(PARTS, max_size=2, unique_by=lambda part: part.type).map(tuple)


class StoreAgainstModel(RuleBasedStateMachine):
    """`erased` and `revoked` are kept apart from the model, so that a mistake in both is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.folder = Path(tempfile.mkdtemp(prefix="insitu-store-"))
        self.model = MemoryStore(self.clock)
        self.number = 0
        self.deadline_ms: dict[bytes, int] = {}
        self.owner: dict[bytes, tuple[Place, int]] = {}
        self.erased: set[bytes] = set()
        self.revoked: set[tuple[bytes, str]] = set()

    @initialize()
    def open(self) -> None:
        self.store = LevelDBStore.open(self.folder, self.clock)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(
        place=PLACES,
        account=ACCOUNTS,
        count=st.integers(0, 5),
        ttl_ms=TTLS_MS,
        limit=st.sampled_from([0, 0, 0, 3, 7]),
        context=CONTEXT,
        key=st.sampled_from([b"", b"", b"k1", b"k2"]),
    )
    def add(
        self,
        place: Place,
        account: int,
        count: int,
        ttl_ms: int,
        limit: int,
        context: tuple[ContextPart, ...],
        key: bytes,
    ) -> None:
        examples = [b"example %d" % (self.number + offset) for offset in range(count)]
        batch = Batch(place, account, examples, Retention(ttl_ms, limit), context, key)
        added = self.store.add(batch)
        assert added == self.model.add(batch)
        if not added.repeated:
            self.number += count
            for example in examples:
                self.deadline_ms[example] = self.clock.now_ms() + ttl_ms
                self.owner[example] = (place, account)

    @rule(ms=st.sampled_from([1, 9, 500, 1000, 40_000, 1_800_000, 43_200_000]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms / 1000)

    @rule(
        place=PLACES,
        types=st.frozensets(st.sampled_from(TYPES)),
        newest_first=st.booleans(),
        up_to=st.none() | st.integers(0, 20),
        account=st.none() | ACCOUNTS,
        age_ms=st.sampled_from([0, 1000, 10**9]),
    )
    def read_some(
        self,
        place: Place,
        types: frozenset[str],
        newest_first: bool,
        up_to: int | None,
        account: int | None,
        age_ms: int,
    ) -> None:
        scan = Scan(place, types, newest_first, up_to, max(0, self.clock.now_ms() - age_ms), account)
        assert plain(list(self.store.scan(scan))) == plain(list(self.model.scan(scan)))

    @rule(place=PLACES, account=st.none() | ACCOUNTS)
    def clear(self, place: Place, account: int | None) -> None:
        assert self.store.clear(place, account) == self.model.clear(place, account)
        self.erased |= {
            example
            for example, (owner, its_account) in self.owner.items()
            if owner == place and account in (None, its_account)
        }

    @rule(enclave=st.integers(1, 3), context_type=st.sampled_from(TYPES), keep=st.booleans())
    def revoke(self, enclave: int, context_type: str, keep: bool) -> None:
        names = frozenset({"level"} if keep else ())
        self.store.revoke(enclave, context_type, names)
        self.model.revoke(enclave, context_type, names)
        if not keep:
            self.revoked |= {
                (example, context_type) for example, (owner, _) in self.owner.items() if owner.enclave == enclave
            }

    @rule(place=PLACES, ttl_ms=TTLS_MS)
    def shorten(self, place: Place, ttl_ms: int) -> None:
        self.store.shorten(place, ttl_ms)
        self.model.shorten(place, ttl_ms)

    @rule(enclave=st.integers(1, 3))
    def remove_enclave(self, enclave: int) -> None:
        self.store.remove_enclave(enclave)
        self.model.remove_enclave(enclave)
        self.erased |= {example for example, (owner, _) in self.owner.items() if owner.enclave == enclave}

    @rule()
    def sweep(self) -> None:
        self.store.sweep()
        self.model.sweep()

    @rule(seconds=st.sampled_from([-10 * 31_536_000, -86_400, -60, 60, 86_400, 10 * 31_536_000]))
    def jump(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule(word=st.booleans())
    def hear_from_the_network(self, word: bool) -> None:
        self.clock.network_time = word
        self.clock.advance(1)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = LevelDBStore.open(self.folder, self.clock)

    @rule()
    def kill(self) -> None:
        """What a killed process has seen within the last second is known to the second."""
        die(self.store)
        self.store = LevelDBStore.open(self.folder, self.clock)
        self.clock.advance(1)

    @rule(off_s=st.sampled_from([5, 3600, 86_400]))
    def reboot(self, off_s: int) -> None:
        self.store.close()
        self.clock.reboot(off_s)
        self.store = LevelDBStore.open(self.folder, self.clock)

    @rule()
    def leave_nothing_behind(self) -> None:
        """After a year and a sweep no record is left but the ledgers, and no key: so much running time is confirmed,
        and what a jump would have kept has ended by its own clock."""
        self.clock.advance(366 * 86_400)
        self.store.sweep()
        self.model.sweep()
        self.store.close()
        assert Counter(table for table in tables(self.folder) if table != "m") == Counter()
        self.store = LevelDBStore.open(self.folder, self.clock)
        assert self.store.keyring.select(Selector()) == {}

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        for enclave in (1, 2, 3):
            for collection in (1, 2):
                place = Place(enclave, collection)
                assert self.store.stats(place) == self.model.stats(place)
                scan = Scan(place, frozenset(TYPES))
                stored = list(self.store.scan(scan))
                assert plain(stored) == plain(list(self.model.scan(scan)))
                for one in stored:
                    assert one.example not in self.erased
                    assert self.clock.now_ms() < self.deadline_ms[one.example]
                    assert not {(one.example, name) for name in one.context} & self.revoked


StoreAgainstModel.TestCase.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreAgainstModel = StoreAgainstModel.TestCase
