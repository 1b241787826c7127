"""The one place where the store looks into what it keeps: to take features out of a context part."""

from collections.abc import Set as AbstractSet

from google.protobuf.message import DecodeError

from insitu.v1.example_pb2 import Features


def keep_only(serialized: bytes, names: AbstractSet[str]) -> bytes:
    """A serialized insitu.v1.Features without the features of other names; empty when none is left, or when the bytes
    are no such message."""
    try:
        features = Features.FromString(serialized)
    except DecodeError:
        return b""
    for name in set(features.feature) - names:
        del features.feature[name]
    return features.SerializeToString(deterministic=True)
