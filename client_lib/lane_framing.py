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
    """A header's fields and what follows it; of a CALL the session is the beginning of the body."""

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
        """Whether the body is there."""
        return len(self.body) == self.size_bytes


class FrameReader:
    """Cuts a stream of bytes into frames. Holds no more than has arrived, whatever a header promises.

    The body of a frame over the limit is skipped as it arrives, and the frame handed out without it at once: whoever
    sent it learns the reason, and the connection stays usable. `without_session_bytes` is the limit for frames that
    carry no session; the same one where it is not given.
    """

    def __init__(self, max_body_bytes: int, without_session_bytes: int | None = None) -> None:
        self._max_body_bytes = max_body_bytes
        self._allowed_bytes = max_body_bytes if without_session_bytes is None else without_session_bytes
        """To all; more is only to those with a session."""
        self._unfinished = bytearray()
        """One frame's beginning. Bytes that come by drops must not cost an object each."""
        self._wanted = HEADER.size
        """So many bytes, as far as is known, has the unfinished frame."""
        self._to_skip = 0

    @property
    def held_bytes(self) -> int:
        """Of a frame that has come in part."""
        return len(self._unfinished)

    @property
    def amid(self) -> bool:
        """Whether a frame has come in part."""
        return bool(self._unfinished) or self._to_skip > 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises FramingError for a kind that is none."""
        frames: list[Frame] = []
        start = 0
        if self._to_skip:
            start = min(self._to_skip, len(data))
            self._to_skip -= start
        while self._unfinished and start < len(data):
            start = self._go_on(data, start, frames)
        if start < len(data):
            start = self._cut(data, start, frames)
            if start < len(data):
                self._unfinished += memoryview(data)[start:]
        return frames

    def give_up(self) -> Frame | None:
        """Hand out the unfinished frame without its body, hold nothing of it any more, and skip what is to come of it.
        None where too little of it has come to tell."""
        held = len(self._unfinished)
        if held < HEADER.size:
            return None
        size, kind, session_size, method, call, deadline_ms = HEADER.unpack_from(self._unfinished)
        self._to_skip = self._wanted - held
        self._begin_anew()
        return Frame(kind, session_size, method, call, deadline_ms, b"", size)

    def _begin_anew(self) -> None:
        self._unfinished = bytearray()  # clearing it would keep its memory
        self._wanted = HEADER.size

    def _go_on(self, data: bytes, start: int, frames: list[Frame]) -> int:
        """Take from `data` what the unfinished frame lacks; returns where the rest begins."""
        unfinished = self._unfinished
        end = min(start + self._wanted - len(unfinished), len(data))
        unfinished += memoryview(data)[start:end]
        if len(unfinished) < self._wanted:
            return end
        size, kind, session_size, method, call, deadline_ms = HEADER.unpack_from(unfinished)
        if kind not in _KINDS:
            raise FramingError(f"{kind} is no kind of frame")
        if size > self._allowed_bytes and (size > self._max_body_bytes or not session_size):
            frames.append(Frame(kind, session_size, method, call, deadline_ms, b"", size))
            skipped: int = min(size, len(data) - end)
            self._to_skip = size - skipped
            self._begin_anew()
            return end + skipped
        if len(unfinished) < HEADER.size + size:
            self._wanted = HEADER.size + size
            return end
        with memoryview(unfinished) as view:
            body = bytes(view[HEADER.size :])
        frames.append(Frame(kind, session_size, method, call, deadline_ms, body, size))
        self._begin_anew()
        return end

    def _cut(self, data: bytes, start: int, frames: list[Frame]) -> int:
        """Append the whole frames from `start` to `frames`; returns where what is left begins."""
        end = len(data)
        while end - start >= HEADER.size:
            size, kind, session_size, method, call, deadline_ms = HEADER.unpack_from(data, start)
            if kind not in _KINDS:
                raise FramingError(f"{kind} is no kind of frame")
            body = start + HEADER.size
            if size > self._allowed_bytes and (size > self._max_body_bytes or not session_size):
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
    """Tells the daemon that nobody waits for the answer to this call any more."""
    return HEADER.pack(0, Kind.CANCEL, 0, 0, call, 0)


def answer_header(call: int, size_bytes: int) -> bytes:
    """What stands before the serialized response."""
    return HEADER.pack(size_bytes, Kind.ANSWER, 0, 0, call, 0)


def error_frame(call: int, error: CallError) -> bytes:
    """An answer that tells why there is no response."""
    body = error.SerializeToString()
    return HEADER.pack(len(body), Kind.ERROR, 0, 0, call, 0) + body
