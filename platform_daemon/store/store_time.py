"""The clocks of a store, and the file that remembers what they have shown.

    clock   two lines: the state as JSON, and its BLAKE2b digest in hexadecimal

The file is written when the wall clock jumps, before anything is judged by the new time, and otherwise once a minute:
it then promises a time a little ahead. A daemon that was killed takes what it had promised for seen, so that nothing
comes back that was hidden after the last write. `timekeeping.py` decides; here are its clocks, its file and its lock.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from context.clock import DeviceClock
from platform_daemon.errors import DaemonError
from platform_daemon.logs import LogEvent, marked
from platform_daemon.store import timekeeping
from platform_daemon.store.atomic_file import Disk, discard_temporary
from platform_daemon.store.atomic_file import replace as replace_file
from platform_daemon.store.timekeeping import SLACK_MS, Era, Reading, Timekeeping

log = logging.getLogger(__name__)

PROMISE_MS = 120_000
_LONG_AGO_MS = 1_000_000_000_000
"""In 2001: no time that was ever confirmed is earlier."""
_QUICK_MS = 1000
_READING_MS = 50
_READINGS = 10


@dataclass(frozen=True, slots=True)
class TimeStatus:
    """What the device's owner is told."""

    confirmed: bool
    unconfirmed_since_ms: int = 0
    """By the wall clock."""
    lead_ms: int = 0
    """How far the wall clock is ahead of confirmed time; negative where it is behind."""
    needs_ms: int = 0
    """Confirmed after so much more running time without a jump, or at once by NTP."""
    notes_lost: bool = False
    """There is nothing to compare the wall clock with: the lead counts from 1970."""


class Moment(NamedTuple):
    """What one look at the clocks says of all that is stored."""

    state: Timekeeping
    confirmed_ms: int
    now_ms: int
    """The time with which to store: the wall clock's. Within an era it never runs backwards."""
    turns: int
    """Another one after the eras have changed: whoever keeps counts counts anew."""

    @property
    def single(self) -> bool:
        """Whether all that is stored is of one era: then `now_ms` hides it."""
        return len(self.state.eras) == 1

    def hidden_ms(self, key_id: int) -> int:
        """What this key sealed is hidden if it expires at this time or earlier."""
        if key_id >= self.state.eras[-1].first_key:
            return self.now_ms
        era = self.state.era_of(key_id)
        return max(self.now_ms, era.seen_ms, self.confirmed_ms + era.offset_ms)

    def ended_ms(self, key_id: int) -> int:
        """This key may be destroyed if its bucket ends at this time or earlier."""
        return self.confirmed_ms + self.state.era_of(key_id).offset_ms

    @property
    def present(self) -> int:
        """The first key's id of the present era."""
        return self.state.era.first_key

    def era_of(self, key_id: int) -> int:
        """The first key's id of the era that a key seals in."""
        return self.state.era_of(key_id).first_key

    def lines(self) -> Iterator[tuple[int, int | None, int]]:
        """Of each era the first key's id, that of the next era's first, and what `ended_ms` says in between."""
        eras = self.state.eras
        for era, after in zip(eras, (*eras[1:], None), strict=True):
            yield era.first_key, after.first_key if after else None, self.confirmed_ms + era.offset_ms

    def key_shift_ms(self, key_id: int) -> int:
        """What this key sealed, sealed anew: the buckets of the new keys end so much later, to last as long."""
        return self.state.era.offset_ms - self.state.era_of(key_id).offset_ms

    def shift_ms(self, key_id: int) -> int:
        """And its times are so much later, or rather earlier: never is it hidden later than it would have been."""
        present, era = self.state.era, self.state.era_of(key_id)
        return min(0, present.offset_ms - present.riding_ms - era.offset_ms + era.riding_ms)


_Look = tuple[Timekeeping, Reading, int]


class StoreTime:
    """Any thread may ask. Whoever stores does so within `held`."""

    def __init__(
        self, state: Timekeeping, path: Path, clock: DeviceClock, retire_keys: Callable[[], int], disk: Disk
    ) -> None:
        """Private: use `open`."""
        self._state = state
        self._path = path
        self._clock = clock
        self._retire_keys = retire_keys
        self._disk = disk
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._holders = 0
        self._hold = _Hold(self._enter, self.let_go)
        self._turning = False
        self._promised_ms = 0
        self._open = True
        self._turns = 0
        self._known: _Look | None = None
        """The last look and the turn that it was in."""
        self._last: tuple[_Look | None, int, int, Moment] = (None, 0, 0, moment_of(state, 0, 0, 0))
        """The last moment, with what it was made of: many records are judged within one millisecond."""

    @classmethod
    def open(
        cls, path: Path, clock: DeviceClock, retire_keys: Callable[[], int], disk: Disk, *, empty: bool
    ) -> "StoreTime":
        """Go on from the file, and look at the clocks. `retire_keys` lets no key that exists seal any more, and returns
        the id of the next. `empty` where nothing is stored."""
        discard_temporary(path)
        reading = read_clocks(clock)
        state = _load(path, reading)
        if state is None:
            state = timekeeping.begin(reading) if empty else timekeeping.begin_anew(reading, retire_keys())
        time = cls(state, path, clock, retire_keys, disk)
        with time._changed:
            time._look()
            time._save()
        return time

    def now(self) -> Moment:
        moment = self._quick_look()
        if moment is None:
            with self._changed:
                moment = self._look()
        return moment

    def held(self) -> AbstractContextManager[Moment]:
        """Keep the present era from ending meanwhile. Inside, take no enclave's lock and do not ask for the time."""
        return self._hold

    def hold_at_once(self) -> Moment | None:
        """As entering `held`, where that needs no waiting, neither for a thread nor for the disk: `let_go` must follow
        then. None otherwise."""
        if not self._changed.acquire(blocking=False):
            return None
        try:
            moment = None if self._turning else self._quick_look()
            self._holders += moment is not None
            return moment
        finally:
            self._changed.release()

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._turning:
                self._changed.notify_all()

    def keep(self, living: Callable[[], Iterable[int]]) -> None:
        """To be called every minute: promise time anew before the last promise ends, where no caller waits for it.
        Forgets eras of which no key lives."""
        with self._changed:
            self._look()
            if len(self._state.eras) > 1:
                self._become(timekeeping.tidied(self._state, living()))
            if self._promised_ms - self._state.wall_ms <= PROMISE_MS // 2:
                self._save()

    def unhide(self) -> None:
        """The owner says that the wall clock was wrong: what it alone has hidden is there again."""
        with self._changed:
            self._look()
            self._become(timekeeping.unhidden(self._state))
            self._save()

    def status(self) -> TimeStatus:
        state = self.now().state
        if state.unconfirmed_since_ms is None:
            return TimeStatus(confirmed=True)
        notes_lost = state.confirmed_ms + state.wall_offset_ms < _LONG_AGO_MS
        return TimeStatus(False, state.unconfirmed_since_ms, state.lead_ms, state.needs_ms, notes_lost)

    def close(self) -> None:
        """Write down the exact time. Repeatable."""
        with self._changed:
            if self._open:
                self._look()
                self._save(promise_ms=0)
                self._open = False

    def _enter(self) -> Moment:
        with self._lock:
            moment = self._quick_look() or self._look()
            self._holders += 1
        return moment

    def _quick_look(self) -> Moment | None:
        """None where a second has passed since the last look, or the two clocks have not gone the same way since."""
        known = self._known
        if known is None:
            return None
        wall_ms, boottime_ms = self._clock.now_ms(), self._clock.boottime_ms()
        look, last_wall_ms, last_boottime_ms, moment = self._last
        if look is known and wall_ms == last_wall_ms and boottime_ms == last_boottime_ms:
            return moment
        state, reading, turns = known
        passed_ms = boottime_ms - reading.boottime_ms
        if not (0 <= passed_ms < _QUICK_MS and -1 <= wall_ms - reading.wall_ms - passed_ms <= 1):
            return None
        moment = moment_of(state, wall_ms, state.confirmed_ms + passed_ms, turns)
        self._last = known, wall_ms, boottime_ms, moment
        return moment

    def _look(self) -> Moment:
        """With the lock held, which it gives up while an era waits for those who store in the last."""
        self._changed.wait_for(lambda: not self._turning)
        reading = read_clocks(self._clock)
        first_key = 0
        if timekeeping.jumped(self._state, reading):
            self._known = None
            self._turning = True
            try:
                self._changed.wait_for(lambda: not self._holders)
                first_key = self._retire_keys()
            finally:
                self._turning = False
                self._changed.notify_all()
        self._become(timekeeping.observe(self._state, reading, first_key))
        if self._state.wall_ms + _QUICK_MS > self._promised_ms:
            self._save()
        moment = moment_of(self._state, reading.wall_ms, self._state.confirmed_ms, self._turns)
        self._known = (self._state, reading, self._turns)
        self._last = self._known, reading.wall_ms, reading.boottime_ms, moment
        return moment

    def _become(self, state: Timekeeping) -> None:
        if state.eras != self._state.eras:
            self._turns += 1
            self._promised_ms = 0
        if state.unconfirmed_since_ms != self._state.unconfirmed_since_ms:
            said = "is confirmed" if state.unconfirmed_since_ms is None else f"is {state.lead_ms} ms off: unconfirmed"
            extra = marked(LogEvent.TIME_CHANGED, status="unconfirmed" if state.unconfirmed_since_ms else "confirmed")
            log.info("the time of the wall clock %s", said, extra=extra)
        self._state = state
        self._known = None

    def _save(self, promise_ms: int = PROMISE_MS) -> None:
        """A disk that is full or fails keeps nobody from reading: the next look tries again."""
        promised_ms = self._state.wall_ms + promise_ms
        try:
            replace_file(self._path, _encode(self._state, promised_ms), self._disk)
        except (DaemonError, OSError) as error:
            log.error("the time cannot be written down: %s", error, extra=marked(LogEvent.TIME_UNWRITTEN))
        else:
            self._promised_ms = promised_ms


class _Hold(AbstractContextManager[Moment]):
    """No generator: every add goes through it."""

    __slots__ = ("_enter", "_leave")

    def __init__(self, enter: Callable[[], Moment], leave: Callable[[], None]) -> None:
        self._enter = enter
        self._leave = leave

    def __enter__(self) -> Moment:
        return self._enter()

    def __exit__(self, *error: object) -> None:
        self._leave()


def moment_of(state: Timekeeping, wall_ms: int, confirmed_ms: int, turns: int) -> Moment:
    return Moment(state, confirmed_ms, max(wall_ms, state.wall_ms, confirmed_ms + state.era.offset_ms), turns)


def read_clocks(clock: DeviceClock) -> Reading:
    """Wall and boot clock of one moment, as far as the machine lets the process run on in between."""
    for _ in range(_READINGS):
        before_ms = clock.boottime_ms()
        wall_ms = clock.now_ms()
        boottime_ms = clock.boottime_ms()
        if boottime_ms - before_ms < _READING_MS:
            break
    return Reading(wall_ms, boottime_ms, clock.boot_id(), clock.synchronised())


def _encode(state: Timekeeping, promised_ms: int) -> bytes:
    text = json.dumps({"promised_ms": promised_ms, **asdict(state)}).encode()
    return text + b"\n" + _digest(text) + b"\n"


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).hexdigest().encode()


def _load(path: Path, reading: Reading) -> Timekeeping | None:
    """None where there is no file, or none that can be believed."""
    try:
        text, digest, _ = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    except ValueError:
        text, digest = b"", b""
    if _digest(text) != digest:
        extra = marked(LogEvent.TIME_DAMAGED)
        log.error("%s is damaged: the time of what is stored has to be confirmed anew", path, extra=extra)
        return None
    fields = json.loads(text)
    promised_ms = fields.pop("promised_ms")
    fields["eras"] = tuple(Era(**era) for era in fields["eras"])
    state = Timekeeping(**fields)
    if timekeeping.same_boot(state, reading):
        # The boot clock bounds how far the last life of the daemon can have seen.
        passed_ms = reading.boottime_ms - state.boottime_ms
        promised_ms = min(promised_ms, state.confirmed_ms + passed_ms + state.era.offset_ms + SLACK_MS)
    return replace(state, wall_ms=max(state.wall_ms, promised_ms))
