"""What a context type is: named features, how long they hold, and what a grant of it permits."""

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from context.errors import BadValue, UnknownFeature

Value = bool | int | float | str
"""One context feature's value. A bool travels as int64 0 or 1, a text as UTF-8 bytes."""

MAX_TEXT_BYTES = 1024

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ValueType(enum.Enum):
    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One feature: its name without the type's prefix, its type, and what it means (with unit and range)."""

    name: str
    value_type: ValueType
    doc: str

    def __post_init__(self) -> None:
        _check_name("feature", self.name)

    def checked(self, value: object) -> Value:
        """The value as this feature holds it. Raises BadValue where it does not fit."""
        match self.value_type, value:
            case ValueType.BOOL, bool():
                return value
            case ValueType.BOOL, int() if value in (0, 1):
                return bool(value)
            case ValueType.INT, int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
                return value
            case ValueType.FLOAT, float() if math.isfinite(value):
                return value
            case ValueType.FLOAT, int() if not isinstance(value, bool) and abs(value) <= 2**53:
                return float(value)
            case ValueType.TEXT, str() if len(value.encode(errors="replace")) <= MAX_TEXT_BYTES:
                return value
            case _:
                raise BadValue(f"{self.name} takes a finite {self.value_type.value}, not {_shown(value)}")


@dataclass(frozen=True, slots=True)
class ContextTypeSpec:
    """A context type as the registry knows it."""

    name: str
    features: tuple[FeatureSpec, ...]
    validity_ms: int
    """How long a reading holds when nothing newer arrives, unless its source says otherwise."""
    permission: str
    """What an app may learn of the user by a grant, in words for the user."""
    needs_account: bool = False
    """Injected only where the app named an account."""
    can_be_coarsened: bool = False
    """Can be generalised, e.g. to an area, before it is stored."""

    def __post_init__(self) -> None:
        _check_name("context type", self.name)
        names = [feature.name for feature in self.features]
        if not names or len(set(names)) != len(names):
            raise BadValue(f"context type {self.name} needs at least one feature, each with a name of its own")
        if self.validity_ms <= 0:
            raise BadValue(f"context type {self.name} needs a validity above zero, not {self.validity_ms} ms")

    @property
    def feature_names(self) -> frozenset[str]:
        return frozenset(feature.name for feature in self.features)

    def feature(self, name: str) -> FeatureSpec:
        """Raises UnknownFeature."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise UnknownFeature(self.name, name, self.feature_names)

    def checked(self, values: Mapping[str, object]) -> dict[str, Value]:
        """All values as the features hold them. Raises UnknownFeature, BadValue."""
        return {name: self.feature(name).checked(value) for name, value in values.items()}


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadValue(f"{what} {name!r}: use up to 64 of a-z, 0-9 and _, beginning with a letter")


def _shown(value: object) -> str:
    """The value's type only for what might be long; values go into logs."""
    short = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**64)
    return repr(value) if short else type(value).__name__
