"""Who may have which context feature: pure values, decided by the user, checked at every event.

A grant holds feature names, never "all": a feature that a later release adds to a type is not granted until the
user says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from context.errors import BadScope
from context.reading import Reading
from context.registry import ContextRegistry
from context.types import Value

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What a permission is about: a context type, or one of its features. Its text is "power" or "power.charging"."""

    type: str
    feature: str = ""
    """Empty for the whole type."""

    def __str__(self) -> str:
        return f"{self.type}.{self.feature}" if self.feature else self.type


def parse_scope(text: str, registry: ContextRegistry) -> Scope:
    """A scope that exists. Raises BadScope, UnknownContextType, UnknownFeature."""
    context_type, dot, feature = text.partition(".")
    if not context_type or (dot and not feature):
        raise BadScope(f'scope {text[:80]!r}: write "TYPE" or "TYPE.FEATURE", e.g. "power" or "power.charging"')
    spec = registry.spec(context_type)
    return Scope(context_type, spec.feature(feature).name if feature else "")


def covered(scope: Scope, registry: ContextRegistry) -> frozenset[str]:
    """The features of its type that a scope names."""
    return frozenset({scope.feature}) if scope.feature else registry.spec(scope.type).feature_names


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision of the user does to one package's grant of one type."""

    package: str
    type: str
    before: frozenset[str]
    after: frozenset[str]

    @property
    def lost(self) -> frozenset[str]:
        """Features that must vanish from what is stored and from all that is derived from it."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class Grants:
    """All grants on the device. Immutable: a decision yields new grants."""

    by_package: Mapping[str, Mapping[str, frozenset[str]]]
    """Granted features by package and type; never an empty set. Not to be modified."""

    @classmethod
    def of(cls, granted: Iterable[tuple[str, str, Iterable[str]]]) -> "Grants":
        """Grants from rows of package, type and features, as they are kept. Rows without a feature grant nothing."""
        packages: dict[str, dict[str, frozenset[str]]] = {}
        for package, context_type, features in granted:
            if held := frozenset(features):
                packages.setdefault(package, {})[context_type] = held
        return cls(packages)

    def features(self, package: str, context_type: str) -> frozenset[str]:
        """The features of a type that a package may have; empty where not granted."""
        return self.of_package(package).get(context_type, NOTHING)

    def of_package(self, package: str) -> Mapping[str, frozenset[str]]:
        """Granted features by type."""
        return self.by_package.get(package, {})

    def granting(self, package: str, scope: Scope, registry: ContextRegistry) -> tuple["Grants", Change]:
        """These grants and the scope."""
        before = self.features(package, scope.type)
        return self._with(Change(package, scope.type, before, before | covered(scope, registry)))

    def revoking(self, package: str, scope: Scope) -> tuple["Grants", Change]:
        """These grants without the scope. Needs no registry: what a removed plug-in once declared can be revoked."""
        before = self.features(package, scope.type)
        return self._with(Change(package, scope.type, before, before - {scope.feature} if scope.feature else NOTHING))

    def without(self, package: str) -> "Grants":
        """These grants without any of one package's."""
        return Grants({name: types for name, types in self.by_package.items() if name != package})

    def _with(self, change: Change) -> tuple["Grants", Change]:
        types = {**self.of_package(change.package), change.type: change.after}
        if not change.after:
            del types[change.type]
        return Grants({**self.without(change.package).by_package, **({change.package: types} if types else {})}), change


def narrow(reading: Reading, granted: frozenset[str]) -> dict[str, Value]:
    """The values of a reading that a grant lets through."""
    return {name: value for name, value in reading.values.items() if name in granted}


def outstanding(
    wishes: Iterable[Scope], granted: Mapping[str, frozenset[str]], registry: ContextRegistry
) -> list[Scope]:
    """The wishes that are not, or not wholly, granted; `granted` is one package's features by type."""
    return [wish for wish in wishes if not covered(wish, registry) <= granted.get(wish.type, NOTHING)]
