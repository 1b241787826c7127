"""The context of a device in memory: a script, and nothing else."""

from client_lib.encoding import encode
from client_lib.errors import InvalidArgument
from client_lib.testing.state import App, State
from insitu.v1.example_pb2 import Feature, Features

FEATURES: dict[str, dict[str, type]] = {
    "power": {"charging": bool, "on_battery": bool, "battery_level": float},
    "network": {"connected": bool, "metered": bool, "kind": str},
    "day": {"day_of_week": int, "hour": int, "minute_of_day": int, "is_weekend": bool, "is_holiday": bool},
    "device": {"cpu_count": int, "memory_bytes": int, "platform": str, "architecture": str, "form_factor": str},
    "activity": {"user_idle": bool},
}
"""The context types of a daemon without plug-ins."""
PREFIX = "context:"
_KINDS = {bool: "int64_list", int: "int64_list", float: "float_list", str: "bytes_list"}


def checked_type(name: str, field: str) -> str:
    if name not in FEATURES:
        raise InvalidArgument(f"{field}: {name!r} is none of {', '.join(FEATURES)}", field=field)
    return name


def set_reading(state: State, type: str, features: Features) -> None:
    """Replace a reading; no feature makes it unknown."""
    checked_type(type, "type")
    for name, feature in features.feature.items():
        if name not in FEATURES[type]:
            raise _unknown_feature("features", type, name)
        if feature.WhichOneof("kind") != _KINDS[FEATURES[type][name]]:
            raise InvalidArgument(f"features: {name} takes a {FEATURES[type][name].__name__}", field="features")
    state.context[type] = features


def reading(**values: bool | int | float | str) -> Features:
    return encode(values).features


def injected(state: State, app: App, type: str) -> Features | None:
    """What this app may be given of a type at this moment; None where that is nothing."""
    known = state.context.get(type)
    granted = app.grants.get(type, frozenset())
    allowed = {name: feature for name, feature in known.feature.items() if name in granted} if known else {}
    return narrowed(known, frozenset(allowed)) if known is not None and allowed else None


def narrowed(features: Features, names: frozenset[str]) -> Features:
    kept = Features()
    for name, feature in features.feature.items():
        if name in names:
            kept.feature[name].CopyFrom(feature)
    return kept


def flag(state: State, type: str, name: str) -> bool | None:
    """A feature of the device's own state; None while unknown."""
    feature = state.context.get(type, Features()).feature.get(name, Feature())
    return bool(feature.int64_list.value[0]) if feature.int64_list.value else None


def parse_scope(scope: str) -> tuple[str, frozenset[str]]:
    """A type and its features, of "TYPE" or "TYPE.FEATURE"."""
    type, dot, feature = scope.partition(".")
    checked_type(type, "scope")
    if dot and feature not in FEATURES[type]:
        raise _unknown_feature("scope", type, feature)
    return type, frozenset({feature} if dot else FEATURES[type])


def _unknown_feature(field: str, type: str, name: str) -> InvalidArgument:
    known = ", ".join(sorted(FEATURES[type]))
    return InvalidArgument(f"{field}: context type {type} has no feature {name!r}: use one of {known}", field=field)
