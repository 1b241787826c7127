"""What time it is for stored values, as pure functions of what the clocks have shown so far.

Two questions have two answers. *Is a value hidden?* The wall clock says so, at once, and for good: what has once been
seen past its expiry stays hidden, whatever the clock shows later. *May its key be destroyed?* Only confirmed time says
so: the boot clock, which nobody can set, and which counts sleep but not the time between two boots.

Confirmed time is a line of its own, counted on by the boot clock. The wall clock stands at an *offset* from it. While
the offset stays, wall and boot clock agree. When it changes, somebody set the clock, or the machine was off for a time
that only the wall clock knows. The difference from the offset confirmed last is the *lead*; it is confirmed when

- the kernel says that the clock is being kept right, by NTP or the like: at once;
- the wall clock has gone along with the boot clock for as long as the lead, at most a day of running time, without
  being set: so no device stays in doubt for ever. Switching it off does not begin the count anew.

Values bear the wall time at which they were stored. So whatever the wall clock says, each change of the offset begins
an *era*, and a value is judged by its own era's offset: its life goes on by the boot clock wherever the wall clock has
jumped to since, and what was stored while the clock stood ten years ahead does not live ten years longer. An era is
known by the first key id that sealed in it, since no key seals in two.
"""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

SLACK_MS = 1000
"""The wall clock may deviate from its era by less; NTP moves it by fractions of that."""
AGREEMENT_MS = 86_400_000
"""So much running time without a jump confirms any lead."""
MOST_ERAS = 256
"""Beyond that the two oldest become one. Nobody knows any more which clock their values bear, so these are hidden for
good, and their keys live for as long as the later of the two would have had them live."""
NEVER_MS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Reading:
    """The clocks at one moment."""

    wall_ms: int
    boottime_ms: int
    boot_id: str
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Era:
    """What was stored while the wall clock stood at one offset."""

    first_key: int
    """Keys with this id and later ones seal in it, up to the next era's first."""
    offset_ms: int
    """Its wall times less confirmed time."""
    riding_ms: int = 0
    """The part of the offset that the lead of now would explain: confirmed with it, and false once the lead is gone."""
    seen_ms: int = 0
    """The latest wall time seen in it and in later eras that are over."""


@dataclass(frozen=True, slots=True)
class Timekeeping:
    """All that is known of time. `confirmed_ms`, `boottime_ms` and `boot_id` are of the last look."""

    confirmed_ms: int
    boottime_ms: int
    boot_id: str
    wall_ms: int
    """The latest wall time seen in the present era."""
    eras: tuple[Era, ...]
    """Oldest first; the last is the present one."""
    wall_offset_ms: int = 0
    """The wall clock's offset when it was confirmed last."""
    agreed_ms: int = 0
    """How long wall and boot clock have agreed on a lead."""
    unconfirmed_since_ms: int | None = None
    """The wall time at which the lead came up; None while the wall clock is confirmed."""

    @property
    def era(self) -> Era:
        """The present one."""
        return self.eras[-1]

    @property
    def lead_ms(self) -> int:
        """How far the wall clock is ahead of what is confirmed, or behind; 0 where that is no more than slack."""
        lead = self.era.offset_ms - self.wall_offset_ms
        return lead if abs(lead) >= SLACK_MS else 0

    @property
    def needs_ms(self) -> int:
        """After so much more agreement the lead is confirmed."""
        return max(0, min(abs(self.lead_ms), AGREEMENT_MS) - self.agreed_ms)

    def era_of(self, key_id: int) -> Era:
        return self.eras[max(0, bisect.bisect_right(self.eras, key_id, key=lambda era: era.first_key) - 1)]

    def hidden_ms(self, era: Era) -> int:
        """What is stored in an era is hidden if it expires at this time or earlier."""
        return max(self.wall_ms, era.seen_ms, self.confirmed_ms + era.offset_ms)

    def ended_ms(self, era: Era) -> int:
        """An era's keys may go if their bucket ends at this time or earlier."""
        return self.confirmed_ms + era.offset_ms


def begin(reading: Reading) -> Timekeeping:
    """Nothing is stored yet: the first look at the clocks is believed."""
    return Timekeeping(reading.wall_ms, reading.boottime_ms, reading.boot_id, reading.wall_ms, (Era(0, 0),))


def begin_anew(reading: Reading, first_key: int) -> Timekeeping:
    """What was known of the time of stored values is lost. They are hidden by the wall clock, and their keys die once
    that is confirmed."""
    return observe(Timekeeping(0, reading.boottime_ms, reading.boot_id, 0, (Era(0, 0),)), reading, first_key)


def jumped(state: Timekeeping, reading: Reading) -> bool:
    """Whether an era ends with this reading. With each start of the machine one does: a killed daemon may have promised
    more than it has seen."""
    return not same_boot(state, reading) or abs(_step_ms(_advanced(state, reading), reading)) >= SLACK_MS


def observe(state: Timekeeping, reading: Reading, first_key: int) -> Timekeeping:
    """The state after another look. `first_key` is of the era that begins, if one does; no earlier key seals in it."""
    is_over, was_off = jumped(state, reading), not same_boot(state, reading)
    state = _advanced(state, reading)
    if is_over:
        # Between two boots the wall clock goes ahead by itself; anything else is somebody's doing.
        explained = was_off and _step_ms(state, reading) > -SLACK_MS
        state = _with_new_era(state if explained else replace(state, agreed_ms=0), reading.wall_ms, first_key)
    else:
        state = replace(state, wall_ms=max(state.wall_ms, reading.wall_ms))
    if state.lead_ms and (reading.synchronised or not state.needs_ms):
        state = _confirmed(state)
    return state


def tidied(state: Timekeeping, key_ids: Iterable[int]) -> Timekeeping:
    """Without the eras of which no key is left, and those that make no difference any more."""
    living = {state.era_of(key_id).first_key for key_id in key_ids}
    kept = tuple(era for era in state.eras[:-1] if era.first_key in living)
    state = replace(state, eras=(*kept, state.era))
    return replace(state, eras=_joined(state))


def unhidden(state: Timekeeping) -> Timekeeping:
    """Take back what only a wrong wall clock had hidden: its owner says that it was wrong. Values whose time has passed
    by confirmed time stay hidden, as do those of eras that were too many."""
    return replace(state, eras=tuple(era if era.seen_ms == NEVER_MS else replace(era, seen_ms=0) for era in state.eras))


def same_boot(state: Timekeeping, reading: Reading) -> bool:
    return state.boot_id == reading.boot_id and state.boottime_ms <= reading.boottime_ms


def _advanced(state: Timekeeping, reading: Reading) -> Timekeeping:
    """Confirmed time counted on by the boot clock. After a start of the machine at least the time since then has
    passed."""
    since_ms = state.boottime_ms if same_boot(state, reading) else 0
    elapsed_ms = reading.boottime_ms - since_ms
    return replace(
        state,
        confirmed_ms=state.confirmed_ms + elapsed_ms,
        boottime_ms=reading.boottime_ms,
        boot_id=reading.boot_id,
        agreed_ms=state.agreed_ms + elapsed_ms if state.lead_ms else 0,
    )


def _step_ms(state: Timekeeping, reading: Reading) -> int:
    """How far the wall clock has left its era."""
    return reading.wall_ms - state.confirmed_ms - state.era.offset_ms


def _with_new_era(state: Timekeeping, wall_ms: int, first_key: int) -> Timekeeping:
    lead_ms = wall_ms - state.confirmed_ms - state.wall_offset_ms
    if abs(lead_ms) < SLACK_MS:
        lead_ms = 0
    explained_ms = max(0, lead_ms)
    seen_ms = max(state.wall_ms, wall_ms)
    over = tuple(
        replace(era, riding_ms=min(era.riding_ms, explained_ms), seen_ms=max(era.seen_ms, seen_ms))
        for era in state.eras
    )
    present = Era(first_key, state.wall_offset_ms + lead_ms, riding_ms=explained_ms)
    return replace(
        state,
        wall_ms=wall_ms,
        eras=(*_few(over), present),
        agreed_ms=state.agreed_ms if lead_ms else 0,
        unconfirmed_since_ms=(state.unconfirmed_since_ms or wall_ms) if lead_ms else None,
    )


def _confirmed(state: Timekeeping) -> Timekeeping:
    """A lead was time that had passed. Its contrary was none: the wall clock goes on from where it stands."""
    lead_ms = state.lead_ms
    eras = state.eras
    if lead_ms > 0:
        eras = tuple(replace(era, offset_ms=era.offset_ms - era.riding_ms, riding_ms=0) for era in eras)
    state = replace(
        state,
        confirmed_ms=state.confirmed_ms + max(0, lead_ms),
        wall_offset_ms=state.wall_offset_ms + min(0, lead_ms),
        agreed_ms=0,
        unconfirmed_since_ms=None,
        eras=eras,
    )
    return replace(state, eras=_joined(state))


def _joined(state: Timekeeping) -> tuple[Era, ...]:
    """Eras that can never again be told apart become one."""
    kept: list[Era] = []
    for era in state.eras:
        before = kept[-1] if kept else None
        if before is not None and _same_line(before, era) and before.seen_ms <= state.ended_ms(before):
            kept[-1] = replace(before, seen_ms=era.seen_ms)
        else:
            kept.append(era)
    return tuple(kept)


def _same_line(era: Era, other: Era) -> bool:
    return (era.offset_ms, era.riding_ms) == (other.offset_ms, other.riding_ms)


def _few(eras: tuple[Era, ...]) -> tuple[Era, ...]:
    if len(eras) < MOST_ERAS:
        return eras
    oldest, next_oldest, *others = eras
    # The least offset, from which as much is taken as from either when the lead is confirmed: no key dies early.
    offset_ms = min(oldest.offset_ms, next_oldest.offset_ms)
    riding_ms = max(oldest.riding_ms, next_oldest.riding_ms)
    return (Era(oldest.first_key, offset_ms, riding_ms, NEVER_MS), *others)
