"""K4: whatever the clocks do, an expired value never comes back, and no key dies on an unconfirmed time.

The model knows what nobody on a device does: how much time has really passed with the machine on, and what the wall
clock has shown whenever the store looked.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from context.clock import ManualClock
from platform_daemon.store.leveldb import LevelDBStore
from platform_daemon.store.scope import Selector, bucket_end_ms
from platform_daemon.store.store import ContextPart, Place
from platform_daemon.store.store_time import PROMISE_MS
from platform_daemon.store.timekeeping import AGREEMENT_MS, SLACK_MS
from tests.store.samples import DAY_MS, HOUR_MS, add, die, features, read

DAY_S, DECADE_S = 86_400, 3650 * 86_400
JUMPS_S = st.sampled_from([-DECADE_S, -DAY_S, DAY_S, DECADE_S])
TTLS_MS = st.sampled_from([1000, HOUR_MS, DAY_MS, 28 * DAY_MS, 12 * 365 * DAY_MS])
NOISE_MS = 2 * SLACK_MS


@dataclass(slots=True)
class Value:
    """One example in a collection of its own, so that its keys are its own."""

    place: Place
    expiry_ms: int
    """By the wall clock of its storage."""
    ttl_ms: int
    context_ttl_ms: int
    aged_ms: int = 0
    """How long it has been there, as far as that is confirmed."""
    latest_ms: int = 0
    """The latest wall time that the store has seen since."""
    doubted_ms: int = 0
    """How much of what is doubted now had been doubted at its storage already: it does not age by that."""
    was_hidden: bool = False
    context_was_hidden: bool = False


class ClockJumps(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.folder = Path(tempfile.mkdtemp(prefix="insitu-time-"))
        self.values: list[Value] = []
        self.lost_ms = 0
        """How much of the time that has passed killed daemons may not have written down."""
        self.quiet_ms = 0
        """How long the machine has run since somebody set the clock while it ran."""

    @initialize()
    def open(self) -> None:
        self.store = LevelDBStore.open(self.folder, self.clock)
        self.confirmed_ms = self.store.time.now().confirmed_ms

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(ttl_ms=TTLS_MS, context_ttl_ms=TTLS_MS)
    def plant(self, ttl_ms: int, context_ttl_ms: int) -> None:
        place = Place(1, len(self.values) + 1)
        part = ContextPart("power", features(level="80"), context_ttl_ms)
        add(self.store, b"value", place=place, ttl_ms=ttl_ms, context=[part])
        wall_ms, doubted_ms = self.clock.now_ms(), max(0, self.store.time.status().lead_ms)
        value = Value(place, wall_ms + ttl_ms, ttl_ms, context_ttl_ms, latest_ms=wall_ms, doubted_ms=doubted_ms)
        self.values.append(value)

    @rule(seconds=st.sampled_from([1, 600, 3600, DAY_S, 40 * DAY_S]))
    def run(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._look(round(seconds * 1000))

    @rule(seconds=JUMPS_S)
    def jump(self, seconds: float) -> None:
        self.clock.jump(seconds)
        self.clock.network_time = False
        self.quiet_ms = 0
        self._look()

    @rule(
        off_s=st.sampled_from([5, 3600, DAY_S, 10 * DAY_S]), set_s=st.sampled_from([0, 0, -DAY_S, DECADE_S, -DECADE_S])
    )
    def reboot(self, off_s: int, set_s: int) -> None:
        """Without an end in order; the clock may come up wrong."""
        die(self.store)
        self.clock.reboot(off_s)
        self.clock.jump(set_s)
        self.clock.network_time = False
        self.lost_ms += PROMISE_MS
        self._reopen(passed_ms=10_000)

    @rule(kill=st.booleans(), jump_s=st.just(0) | JUMPS_S)
    def restart(self, kill: bool, jump_s: int) -> None:
        die(self.store) if kill else self.store.close()
        self.clock.jump(jump_s)
        if jump_s:
            self.clock.network_time, self.quiet_ms = False, 0
        self._reopen()

    @rule()
    def synchronise(self) -> None:
        """Whatever the network says is believed."""
        self.clock.network_time = True
        self.run(2)
        assert self.store.time.status().confirmed

    @rule()
    def run_on(self) -> None:
        """Nor is a device without a network in doubt for ever."""
        self.run(AGREEMENT_MS / 1000)
        assert self.store.time.status().confirmed

    @rule()
    def sweep(self) -> None:
        self.store.sweep()
        for value in self.values:
            bucket_ms = bucket_end_ms(0, value.ttl_ms) - value.ttl_ms + HOUR_MS
            if value.aged_ms >= value.ttl_ms + bucket_ms + NOISE_MS + self.lost_ms:
                assert not self._keys_of(value), "its time has passed by every clock"

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "store"):
            return
        self._look()
        for value in self.values:
            found = read(self.store, value.place)
            assert self.store.stats(value.place).examples == len(found)
            self._is_hidden_when_it_must_be(value, hidden=not found)
            if found:
                self._context_is_hidden_when_it_must_be(value, hidden=not found[0].context)
            if value.aged_ms < value.ttl_ms:
                assert self._keys_of(value), "its time has not passed by confirmed time"

    def _is_hidden_when_it_must_be(self, value: Value, *, hidden: bool) -> None:
        if value.was_hidden:
            assert hidden, "an expired value came back"
        if value.latest_ms >= value.expiry_ms + SLACK_MS or value.aged_ms >= value.ttl_ms + NOISE_MS + self.lost_ms:
            assert hidden, "it has expired"
        if value.latest_ms < value.expiry_ms - NOISE_MS - self.lost_ms and value.aged_ms < value.ttl_ms - NOISE_MS:
            assert not hidden, "nothing has expired"
        value.was_hidden = hidden

    def _context_is_hidden_when_it_must_be(self, value: Value, *, hidden: bool) -> None:
        if value.context_was_hidden:
            assert hidden, "expired context came back"
        if value.latest_ms - value.expiry_ms + value.ttl_ms >= value.context_ttl_ms + SLACK_MS:
            assert hidden, "the context has expired"
        value.context_was_hidden = hidden

    def _reopen(self, passed_ms: int = 0) -> None:
        self.store = LevelDBStore.open(self.folder, self.clock)
        self._look(passed_ms)

    def _look(self, passed_ms: int = 0) -> None:
        """The boot clock counts, and so does what was doubted and is confirmed now."""
        confirmed_ms = self.store.time.now().confirmed_ms
        added_ms, self.confirmed_ms = confirmed_ms - self.confirmed_ms - passed_ms, confirmed_ms
        assert added_ms >= -PROMISE_MS
        self.quiet_ms += passed_ms
        if added_ms > NOISE_MS and not self.clock.network_time:
            assert self.quiet_ms >= min(added_ms, AGREEMENT_MS), "nothing has confirmed it"
        now_ms, lead_ms = self.clock.now_ms(), max(0, self.store.time.status().lead_ms)
        for value in self.values:
            value.latest_ms = max(value.latest_ms, now_ms)
            value.aged_ms += passed_ms + max(0, added_ms - value.doubted_ms)
            value.doubted_ms = min(value.doubted_ms, lead_ms)

    def _keys_of(self, value: Value) -> bool:
        return bool(self.store.keyring.select(Selector(enclave=1, collection=value.place.collection)))


ClockJumps.TestCase.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestClockJumps = ClockJumps.TestCase
