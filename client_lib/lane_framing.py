"""Frames of the framed lane, byte by byte; `insitu/v1/lane.proto` describes them. Pure, and used by both ends."""

import enum
import struct
from typing import Any, NamedTuple

from insitu.v1 import lane_pb2
from insitu.v1.lane_pb2 import CallError

MAGIC = b"INSITU/1"
"""How a connection begins."""
HEADER = struct.Struct(">IBBHII")
LONGEST_SESSION_BYTES = 255
LONGEST_DEADLINE_MS = 0xFFFF_FFFF
CALL_IDS = 1 << 32


class Kind(enum.IntEnum):
    """What a frame is."""

    CALL = 1
    CANCEL = 2
    ANSWER = 3
    ERROR = 4


_KINDS = frozenset(Kind)
_LANE_NUMBER: Any = lane_pb2.lane_number  # a plain descriptor in the stubs, which no message takes for an extension


def number_of(method: Any) -> int:
    """The number on the lane of a MethodDescriptor; 0 where it has none."""
    number: int = method.GetOptions().Extensions[_LANE_NUMBER]
    return number


class FramingError(Exception):
    """The bytes are no frames. Nothing more can be read from the connection."""


class Frame(NamedTuple):
    kind: int
    session_size: int
    method: int
    call: int
    deadline_ms: int
    body: bytes
    size_bytes: int
    """Of the body, also where it is left out because it is over the limit."""

    @property
    def whole(self) -> bool:
        return len(self.body) == self.size_bytes


class FrameReader:
    """Cuts a stream of bytes into frames. Holds no more than has arrived, whatever a header promises.

    The body of a frame over the limit is skipped as it arrives, and the frame handed out without it at once: whoever
    sent it learns the reason, and the connection stays usable.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._wanted = HEADER.size
        self._to_skip = 0

    @property
    def amid(self) -> bool:
        """Whether a frame has come in part."""
        return self._held > 0 or self._to_skip > 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises FramingError for a kind that is none."""
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if self._parts:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._wanted:
                return []
            data = b"".join(self._parts)
            self._parts.clear()
        frames: list[Frame] = []
        rest = self._cut(data, frames)
        self._held = len(data) - rest
        if self._held:
            self._parts.append(data[rest:] if rest else data)
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Append the whole frames to `frames`; returns where what is left begins."""
        start, end = 0, len(data)
        self._wanted = HEADER.size
        while end - start >= HEADER.size:
            size, kind, session_size, method, call, deadline_ms = HEADER.unpack_from(data, start)
            if kind not in _KINDS:
                raise FramingError(f"{kind} is no kind of frame")
            body = start + HEADER.size
            if size > self._max_body_bytes:
                frames.append(Frame(kind, session_size, method, call, deadline_ms, b"", size))
                start = min(body + size, end)
                self._to_skip = body + size - start
                continue
            if end - body < size:
                self._wanted = HEADER.size + size
                break
            start = body + size
            frames.append(Frame(kind, session_size, method, call, deadline_ms, data[body:start], size))
        return start


def call_frame(method: int, call: int, session: bytes, request: bytes, deadline_ms: int) -> bytes:
    """A call. `session` has at most LONGEST_SESSION_BYTES, `deadline_ms` lies from 0 to LONGEST_DEADLINE_MS."""
    size = len(session) + len(request)
    return HEADER.pack(size, Kind.CALL, len(session), method, call, deadline_ms) + session + request


def cancel_frame(call: int) -> bytes:
    return HEADER.pack(0, Kind.CANCEL, 0, 0, call, 0)


def answer_header(call: int, size_bytes: int) -> bytes:
    """What stands before the serialized response."""
    return HEADER.pack(size_bytes, Kind.ANSWER, 0, 0, call, 0)


def error_frame(call: int, error: CallError) -> bytes:
    body = error.SerializeToString()
    return HEADER.pack(len(body), Kind.ERROR, 0, 0, call, 0) + body
