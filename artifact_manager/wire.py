"""A look at a serialized plan without parsing it (protocol buffer encoding: tag, then a value by wire type)."""

from collections.abc import Iterator

from insitu.v1.plan_pb2 import Graph, Plan

MAX_FIELDS = 1 << 14
"""Of a plan's top level, or of its graph: parameters are the only field that repeats."""

_LENGTH_DELIMITED = 2


def instruction_bytes(data: bytes) -> int:
    """Bytes of a serialized plan outside its inline graph and its base parameters.

    Raises ValueError for what is no message, or has too many fields to be a plan.
    """
    bulk = 0
    for number, start, end in _fields(data, 0, len(data)):
        if number == Plan.BASE_PARAMETERS_FIELD_NUMBER:
            bulk += end - start
        elif number == Plan.GRAPH_FIELD_NUMBER:
            inner = _fields(data, start, end)
            bulk += sum(stop - begin for field, begin, stop in inner if field == Graph.INLINE_FIELD_NUMBER)
    return len(data) - bulk


def _fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each value of bytes, in their order; values of other types are passed over."""
    for _ in range(MAX_FIELDS):
        if position == end:
            return
        tag, position = _varint(data, position, end)
        start = position
        match tag & 7:
            case 0:
                _, position = _varint(data, position, end)
            case 1:
                position += 8
            case 2:
                length, start = _varint(data, position, end)
                position = start + length
            case 5:
                position += 4
            case _:
                raise ValueError("a group or an unknown wire type")
        if position > end:
            raise ValueError("a value is cut short")
        if tag & 7 == _LENGTH_DELIMITED:
            yield tag >> 3, start, position
    if position != end:
        raise ValueError("too many fields")


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        if position >= end:
            raise ValueError("a number is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
    raise ValueError("a number is too long")
