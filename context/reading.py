"""What is known of a context type at a moment, and its form as protocol messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context.errors import BadValue
from context.types import ContextTypeSpec, Value, ValueType
from insitu.v1.example_pb2 import Feature, Features

PREFIX = "context:"


@dataclass(frozen=True, slots=True)
class Reading:
    """The present values of one type; whatever is not known is absent."""

    type: str
    values: Mapping[str, Value]
    """By feature name without prefix. Never empty."""
    source: str
    read_ms: int
    valid_until_ms: int
    since_ms: Mapping[str, int]
    """When each feature's present value was first seen in an unbroken row, Unix time."""
    version: int
    """Stays while the values do; differs for different values. Unique among all types of one process."""


def qualified(context_type: str, feature: str) -> str:
    """The name by which plans and feeds know a context feature: "context:TYPE.FEATURE"."""
    return f"{PREFIX}{context_type}.{feature}"


def encode(values: Mapping[str, Value], prefix: str = "") -> Features:
    """Values as Features, each name behind `prefix`: bool and int as int64, float as float32, text as bytes."""
    features = Features()
    for name in sorted(values):
        value = values[name]
        feature = features.feature[prefix + name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(int(value))
    return features


def decode(spec: ContextTypeSpec, features: Features) -> dict[str, Value]:
    """The inverse of `encode` without prefix. Raises UnknownFeature, BadValue (naming the feature)."""
    return spec.checked(
        {name: _single(name, spec.feature(name).value_type, feature) for name, feature in features.feature.items()}
    )


def _single(name: str, value_type: ValueType, feature: Feature) -> object:
    kind = feature.WhichOneof("kind")
    values: Sequence[object] = getattr(feature, kind).value if kind else ()
    if len(values) != 1:
        raise BadValue(f"{name} takes exactly one value, not {len(values)}")
    value = values[0]
    if isinstance(value, bytes):
        if value_type is not ValueType.TEXT:
            raise BadValue(f"{name} takes a {value_type.value}, not bytes")
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise BadValue(f"{name} takes text in UTF-8, and these bytes are none") from None
    return value
