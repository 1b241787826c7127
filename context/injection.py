"""What of the context goes into an example or a prediction: what the app wishes, the user granted, and is known.

`inject` is a pure function and the only way from a reading to an app's data. `Injector` remembers its results, for the
same few combinations return at every event.
"""

import enum
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from context.manager import ContextManager
from context.permissions import NOTHING, narrow
from context.reading import Reading, encode, qualified
from context.registry import ContextRegistry
from insitu.v1.example_pb2 import Features


class WithheldReason(enum.Enum):
    NOT_GRANTED = "not granted"
    UNKNOWN = "unknown"
    NEEDS_ACCOUNT = "needs an account"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A wished type, or one feature of it, that is not injected."""

    type: str
    feature: str
    """Empty for the whole type."""
    reason: WithheldReason

    def __str__(self) -> str:
        name = f"{self.type}.{self.feature}" if self.feature else self.type
        return f"{name} ({self.reason.value})"


@dataclass(frozen=True, slots=True)
class InjectedPart:
    """One type's features for storage."""

    type: str
    features: bytes
    """Serialized insitu.v1.Features, names without the type's prefix. Equal values give equal bytes."""
    version: int
    """The reading's version: while it and the grant stay, so do the bytes."""


@dataclass(frozen=True, slots=True)
class Injection:
    """The outcome of one event."""

    parts: tuple[InjectedPart, ...]
    features: Features
    """For a prediction: all parts in one, named "context:TYPE.FEATURE". Shared: copy it, do not modify it."""
    withheld: tuple[Withheld, ...]


def inject(
    registry: ContextRegistry,
    wishes: Iterable[str],
    granted: Mapping[str, frozenset[str]],
    readings: Mapping[str, Reading | None],
    *,
    account_named: bool = False,
) -> Injection:
    """Decide and encode. `wishes` are names of types, `granted` one app's features by type.

    A type that is no longer registered, or has no reading, counts as unknown.
    """
    parts: list[InjectedPart] = []
    withheld: list[Withheld] = []
    features = Features()
    for wish in dict.fromkeys(wishes):
        allowed = granted.get(wish, NOTHING)
        reading = readings.get(wish)
        if wish not in registry:
            withheld.append(Withheld(wish, "", WithheldReason.UNKNOWN))
        elif not allowed:
            withheld.append(Withheld(wish, "", WithheldReason.NOT_GRANTED))
        elif registry.spec(wish).needs_account and not account_named:
            withheld.append(Withheld(wish, "", WithheldReason.NEEDS_ACCOUNT))
        elif reading is None:
            withheld.append(Withheld(wish, "", WithheldReason.UNKNOWN))
        else:
            values = narrow(reading, allowed)
            withheld.extend(_missing(registry, wish, allowed, reading))
            if values:
                encoded = encode(values).SerializeToString(deterministic=True)
                parts.append(InjectedPart(wish, encoded, reading.version))
                features.MergeFrom(encode(values, prefix=qualified(wish, "")))
    return Injection(tuple(parts), features, tuple(withheld))


def _missing(registry: ContextRegistry, wish: str, allowed: frozenset[str], reading: Reading) -> Iterable[Withheld]:
    for feature in registry.spec(wish).features:
        if feature.name not in allowed:
            yield Withheld(wish, feature.name, WithheldReason.NOT_GRANTED)
        elif feature.name not in reading.values:
            yield Withheld(wish, feature.name, WithheldReason.UNKNOWN)


class Injector:
    """Injects the manager's present readings. May be used from any thread."""

    def __init__(self, manager: ContextManager, capacity: int = 512) -> None:
        """Keeps the last `capacity` outcomes; a reading that expired is never served from them."""
        self._manager = manager
        self._capacity = capacity
        self._known: OrderedDict[tuple[object, ...], Injection] = OrderedDict()

    def inject(
        self, wishes: Sequence[str], granted: Mapping[str, frozenset[str]], *, account_named: bool = False
    ) -> Injection:
        """`inject` with what holds now; the same object while wishes, grants and readings stay the same."""
        registry = self._manager.registry
        key: list[object] = [account_named]
        readings: dict[str, Reading | None] = {}
        for wish in wishes:
            reading = self._manager.reading(wish) if wish in registry else None
            readings[wish] = reading
            key += (wish, granted.get(wish, NOTHING), 0 if reading is None else reading.version)
        found = self._known.get(tuple(key))
        if found is None:
            found = inject(registry, wishes, granted, readings, account_named=account_named)
            self._remember(tuple(key), found)
        return found

    def _remember(self, key: tuple[object, ...], injection: Injection) -> None:
        """Each step is atomic, and a racing thread can at worst forget one outcome more."""
        self._known[key] = injection
        while len(self._known) > self._capacity:
            try:
                self._known.popitem(last=False)
            except KeyError:
                return
