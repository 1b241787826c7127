"""Python values to serialized examples, for those who add thousands.

What `encoding.encode` makes and serializes, in a third of the time, because most examples need no message objects: all
that surrounds the numbers of a feature is the same for every array of that size under that name.
See "Encoding" in the documentation of Protocol Buffers: length-delimited fields, maps, packed fields.
"""

import sys
from array import array
from functools import lru_cache

from client_lib.encoding import Features, Value, check_features, encode_feature, float32_bytes, varint
from client_lib.errors import InvalidArgument
from insitu.v1 import example_pb2 as wire

_LENGTH_DELIMITED = 2
_MAP_KEY, _MAP_VALUE = 1, 2
_FLOATS = wire.Feature.FLOAT_LIST_FIELD_NUMBER
_INTEGERS = wire.Feature.INT64_LIST_FIELD_NUMBER
_JUST_FLOATS = {float}
_SMALL_INTEGERS = [bytes([value]) for value in range(0x80)]
_LITTLE_ENDIAN = sys.byteorder == "little"
"""As the numbers of a packed field are."""


def serialize(features: Features) -> bytes:
    """Encode and serialize one example. Raises InvalidArgument as `encode` does."""
    check_features(features)
    entries = b"".join([_entry(name, value) for name, value in features.items()])
    # Without any, what the message without any becomes: the daemon tells empty examples by that.
    return _field(wire.Example.FEATURES_FIELD_NUMBER, len(entries)) + entries if entries else b""


def _entry(name: str, value: Value) -> bytes:
    """One feature as an entry of the map."""
    if type(value) is int and 0 <= value < 0x80:
        return _packed_head(name, _INTEGERS, 1) + _SMALL_INTEGERS[value]
    data = b""
    if type(value) is list:
        if _LITTLE_ENDIAN and set(map(type, value)) == _JUST_FLOATS:
            data = array("f", value).tobytes()
    elif hasattr(value, "dtype"):
        data = float32_bytes(value)
    if data:
        return _packed_head(name, _FLOATS, len(data)) + data
    feature = encode_feature(name, value).SerializeToString()
    return _entry_head(name, len(feature)) + feature


@lru_cache(4096)
def _packed_head(name: str, kind: int, size_bytes: int) -> bytes:
    """All of an entry before its numbers, which are packed into so many bytes."""
    # The values are field 1 in every list of a feature.
    values = _field(wire.FloatList.VALUE_FIELD_NUMBER, size_bytes)
    numbers = _field(kind, len(values) + size_bytes) + values
    return _entry_head(name, len(numbers) + size_bytes) + numbers


def _entry_head(name: str, feature_bytes: int) -> bytes:
    """All of an entry before the serialized feature."""
    try:
        key = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"a feature's name is text, not {name!r}", field="example") from error
    head = _field(_MAP_KEY, len(key)) + key + _field(_MAP_VALUE, feature_bytes)
    return _field(wire.Features.FEATURE_FIELD_NUMBER, len(head) + feature_bytes) + head


@lru_cache(4096)
def _field(number: int, size_bytes: int) -> bytes:
    """How a length-delimited field begins."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(size_bytes)
