"""Python values to examples and back.

A feature is a list of one kind: bool and int become int64, float becomes float32, str (UTF-8) and bytes become bytes.
A scalar is a list of one; nested sequences and arrays are flattened in row-major order, since the plan's feeds say the
shape. A list that mixes integers and floats is one of floats. An empty list has no kind and counts as missing.
NumPy arrays, and what looks like one, are told by `dtype` and `tobytes`: NumPy itself is never imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from client_lib.errors import InvalidArgument
from insitu.v1.example_pb2 import Example, Feature, FloatList

Value = Any
"""bool, int, float, str, bytes, a sequence of one kind of them, nested or not, or a NumPy array or scalar."""
Features = Mapping[str, Value]

_INTEGERS = frozenset({int, bool})
_NUMBERS = frozenset({int, bool, float})
_TEXT = frozenset({str, bytes})
SCALARS = _NUMBERS | _TEXT
_SEQUENCES = frozenset({list, tuple, range})
MOST_LEVELS = 32
_ADVICE = "give a bool, int, float, str, bytes, a sequence of one of them or an array"


def encode(features: Features) -> Example:
    """Encode one example. Raises InvalidArgument naming the feature that cannot be encoded."""
    check_features(features)
    example = Example()
    target = example.features.feature
    for name, value in features.items():
        try:
            _fill(target[name], value)
        except (TypeError, ValueError, RecursionError) as error:
            raise _refusal(name, error) from error
    return example


def encode_feature(name: str, value: Value) -> Feature:
    """Encode one feature. Raises InvalidArgument with its name."""
    feature = Feature()
    try:
        _fill(feature, value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refusal(name, error) from error
    return feature


def check_features(features: Features) -> None:
    """Raises InvalidArgument unless they are features by name."""
    if not isinstance(features, Mapping):
        raise InvalidArgument(f"an example is a dict of features, not {type(features).__name__}", field="example")
    for name in features:
        if type(name) is not str or not name:
            raise InvalidArgument(f"a feature's name is a non-empty str, not {name!r}", field="example")


def decode(example: Example) -> dict[str, list[Any]]:
    """The features of an example: int, float (of 32 bits) or bytes values; an empty list for one without a kind."""
    return {name: _values(feature) for name, feature in example.features.feature.items()}


def _values(feature: Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _fill(feature: Feature, value: Value) -> None:
    kind = type(value)
    if kind is float:
        feature.float_list.value.append(value)
    elif kind in _INTEGERS:
        feature.int64_list.value.append(int(value))
    elif is_array(value):
        _fill_array(feature, value)
    else:
        _fill_sequence(feature, value if isinstance(value, list | tuple | range) else (value,))


def _fill_sequence(feature: Feature, values: Sequence[Value]) -> None:
    kinds = set(map(type, values))
    levels = 0
    while kinds and kinds <= _SEQUENCES:
        # One level at a time: the usual nested lists need no recursion.
        values = [part for row in values for part in row]
        kinds = set(map(type, values))
        levels += 1
        if levels > MOST_LEVELS:
            raise ValueError(f"it nests more than {MOST_LEVELS} levels")
    if not kinds <= SCALARS:
        values = list(plain_scalars(values))
        kinds = set(map(type, values))
    if not kinds:
        return
    if kinds == {float}:
        feature.float_list.value.extend(values)
    elif kinds <= _INTEGERS:
        feature.int64_list.value.extend(map(int, values) if bool in kinds else values)
    elif kinds <= _NUMBERS:
        feature.float_list.value.extend(map(float, values))
    elif kinds <= _TEXT:
        feature.bytes_list.value.extend(map(_as_bytes, values))
    else:
        raise TypeError(f"it mixes {', '.join(sorted(kind.__name__ for kind in kinds))}")


def _fill_array(feature: Feature, array: Any) -> None:
    if _array_kind(array) == "f":
        data = float32_bytes(array)
        if data:
            # A packed field is its bytes, so an array needs no Python float for each element.
            feature.float_list.MergeFromString(_packed_float_header(len(data)) + data)
    else:
        _fill_sequence(feature, array.ravel().tolist())


def float32_bytes(array: Any) -> bytes:
    """The elements of an array of floating-point numbers, row-major, little-endian; nothing of any other array."""
    dtype = array.dtype
    if getattr(dtype, "str", "") == "<f4":
        data: bytes = array.tobytes()
        return data
    return array.astype("<f4").tobytes() if getattr(dtype, "kind", "") == "f" else b""


def plain_scalars(value: Value) -> Iterator[Value]:
    """The scalars of a value, each of a plain kind, in row-major order."""
    if type(value) in SCALARS:
        yield value
    elif is_array(value):
        _array_kind(value)
        if value.ndim:
            yield from plain_scalars(value.ravel().tolist())
        else:
            yield value.item()
    elif isinstance(value, list | tuple | range):
        for part in value:
            yield from plain_scalars(part)
    else:
        yield _plain(value)


def _plain(value: Value) -> Value:
    """The plain form of what is a scalar by inheritance, e.g. of a member of an IntEnum."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"it holds {'None' if value is None else type(value).__name__}")


def is_array(value: Value) -> bool:
    """An array or a scalar of NumPy, or what looks like one."""
    return hasattr(value, "dtype") and hasattr(value, "tobytes")


def _array_kind(array: Any) -> str:
    """NumPy's letter for the kind of element. Raises TypeError for one that no feature can hold."""
    kind = str(getattr(array.dtype, "kind", "?"))
    if kind not in "fbiuSUO":
        raise TypeError(f"its elements are {array.dtype}")
    return kind


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _packed_float_header(size_bytes: int) -> bytes:
    """Tag of FloatList.value, wire type 2, and the length."""
    return varint((FloatList.VALUE_FIELD_NUMBER << 3) | 2) + varint(size_bytes)


def varint(number: int) -> bytes:
    """A number from 0 on as Protocol Buffers writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append((number & 0x7F) | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _refusal(name: str, error: Exception) -> InvalidArgument:
    return InvalidArgument(f"feature {name!r} cannot be encoded: {error}; {_ADVICE}", field=name)
