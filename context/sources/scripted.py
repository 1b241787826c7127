"""Context as somebody says it is: for tests, demonstrations and headless devices.

A script is TOML: a list of states, each with the second at which it begins and what it changes. Types that a state does
not name stay as they are; an empty table makes a type unknown.

    repeat_after_s = 60.0            # optional: begin again

    [[state]]
    at_s = 0
    power = { charging = false, battery_level = 0.4 }
    activity = { user_idle = false }

    [[state]]
    at_s = 20.5
    power = { charging = true, on_battery = false }
"""

import itertools
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from context.clock import Clock
from context.errors import BadScript, ContextError
from context.reading import decode
from context.registry import ContextRegistry
from context.source import Mode, Observation, Publish
from context.types import Value
from insitu.v1.example_pb2 import Features

_LONGEST_S = 1e9
_FOREVER_MS = 10 * 365 * 86_400_000
"""What was said holds until something else is said."""

Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ScriptedState:
    """What changes at one moment; an empty mapping makes the type unknown."""

    at_s: float
    changes: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class Script:
    """States in order of time, counted from the source's start."""

    states: tuple[ScriptedState, ...] = ()
    repeat_after_s: float | None = None

    def at(self, elapsed_s: float, context_type: str) -> tuple[Values, float]:
        """A type's values at a moment, and for how many seconds they hold at least."""
        moment = elapsed_s % self.repeat_after_s if self.repeat_after_s else elapsed_s
        values: Values = {}
        for state in self.states:
            if state.at_s > moment:
                return values, state.at_s - moment
            values = state.changes.get(context_type, values)
        return values, (self.repeat_after_s - moment if self.repeat_after_s else math.inf)


def parse_script(text: str, registry: ContextRegistry) -> Script:
    """Raises BadScript, naming the state and what is wrong with it."""
    import tomllib  # few devices have a script

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # besides TOMLDecodeError: numbers too long, tables too deep
        raise BadScript(f"the script is no TOML: {error}") from error
    if unknown := document.keys() - {"state", "repeat_after_s"}:
        raise BadScript(f"{min(unknown)}: a script has only [[state]] and repeat_after_s; remove it")
    tables = document.get("state", [])
    if not isinstance(tables, list):
        raise BadScript("state: write [[state]], with two brackets")
    states = tuple(_state(f"state {number}", table, registry) for number, table in enumerate(tables, start=1))
    if any(later.at_s <= earlier.at_s for earlier, later in itertools.pairwise(states)):
        raise BadScript("at_s: states must follow each other in time; order them")
    repeat = document.get("repeat_after_s")
    if repeat is not None and (not _is_seconds(repeat) or repeat <= max((state.at_s for state in states), default=0)):
        raise BadScript("repeat_after_s: must be seconds, later than the last state")
    return Script(states, repeat)


def _state(where: str, table: object, registry: ContextRegistry) -> ScriptedState:
    if not isinstance(table, dict) or not _is_seconds(table.get("at_s")):
        raise BadScript(f"{where}: needs at_s, the second at which it begins")
    changes: dict[str, Values] = {}
    for context_type, values in table.items():
        if context_type == "at_s":
            continue
        if not isinstance(values, dict):
            raise BadScript(f"{where}: {context_type} takes a table of features, e.g. {{ charging = true }}")
        try:
            changes[context_type] = registry.spec(context_type).checked(values)
        except ContextError as error:
            raise BadScript(f"{where}: {error}") from error
    return ScriptedState(float(table["at_s"]), changes)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_S


class ScriptedSource:
    """Says what its script says, or, for a type that was set by hand, what was set last."""

    name = "scripted"
    mode = Mode.INSTANT

    def __init__(self, clock: Clock, registry: ContextRegistry, script: Script | None = None) -> None:
        self.types = registry.names
        self._clock = clock
        self._registry = registry
        self._script = script or Script()
        self._started_s = clock.monotonic_s()
        self._lock = threading.Lock()
        self._live: dict[str, Values] = {}
        self._publish: Publish | None = None

    def start(self, publish: Publish) -> None:
        """The script's time begins."""
        self._started_s = self._clock.monotonic_s()
        self._publish = publish

    def stop(self) -> None:
        self._publish = None

    def read(self, context_type: str) -> Observation | None:
        with self._lock:
            live = self._live.get(context_type)
        if live is not None:
            return Observation(live, _FOREVER_MS) if live else None
        values, holds_s = self._script.at(self._clock.monotonic_s() - self._started_s, context_type)
        if not values:
            return None
        return Observation(values, _FOREVER_MS if math.isinf(holds_s) else math.ceil(holds_s * 1000))

    def set(self, context_type: str, values: Mapping[str, object]) -> None:
        """Replace a type's values from now on, whatever the script says; no value makes it unknown.

        Raises UnknownContextType, UnknownFeature, BadValue.
        """
        checked = self._registry.spec(context_type).checked(values)
        with self._lock:
            self._live[context_type] = checked
        if self._publish is not None:
            self._publish(context_type, self.read(context_type))

    def set_features(self, context_type: str, features: Features) -> None:
        """`set` from a protocol message, names without prefix. Raises as `set`."""
        self.set(context_type, decode(self._registry.spec(context_type), features))
