"""Frames, byte by byte."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_lib.lane_framing import (
    HEADER,
    Frame,
    FrameReader,
    FramingError,
    Kind,
    answer_header,
    call_frame,
    cancel_frame,
    error_frame,
)
from insitu.v1.lane_pb2 import CallError

LIMIT = 100
_IDS = st.integers(0, 0xFFFF_FFFF)


@st.composite
def frames(draw: st.DrawFn) -> tuple[bytes, Frame]:
    """A frame's bytes, and what is to be read; some bodies are over the limit."""
    call, body = draw(_IDS), draw(st.binary(max_size=LIMIT + 40))
    kept = body if len(body) <= LIMIT else b""
    match draw(st.sampled_from(Kind)):
        case Kind.CALL:
            session, request = body[:20], body[20:]
            method, deadline_ms = draw(st.integers(0, 0xFFFF)), draw(_IDS)
            data = call_frame(method, call, session, request, deadline_ms)
            return data, Frame(Kind.CALL, len(session), method, call, deadline_ms, kept, len(body))
        case Kind.CANCEL:
            return cancel_frame(call), Frame(Kind.CANCEL, 0, 0, call, 0, b"", 0)
        case Kind.ANSWER:
            return answer_header(call, len(body)) + body, Frame(Kind.ANSWER, 0, 0, call, 0, kept, len(body))
        case Kind.ERROR:
            error = CallError(status="NOT_FOUND", message="there is no such thing")
            written = error.SerializeToString()
            return error_frame(call, error), Frame(Kind.ERROR, 0, 0, call, 0, written, len(written))


@given(st.lists(frames(), max_size=8), st.data())
def test_frames_are_read_however_the_stream_is_cut(sent: list[tuple[bytes, Frame]], data: st.DataObject) -> None:
    stream = b"".join(written for written, _ in sent)
    reader, received, at = FrameReader(LIMIT), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        received += reader.feed(stream[at : at + size])
        at += size
    assert received == [frame for _, frame in sent]
    assert not reader.amid
    assert [frame.whole for frame in received] == [len(frame.body) == frame.size_bytes for _, frame in sent]


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_any_bytes_are_frames_or_an_error(chunks: list[bytes]) -> None:
    reader = FrameReader(LIMIT)
    try:
        for chunk in chunks:
            for frame in reader.feed(chunk):
                assert len(frame.body) <= LIMIT
    except FramingError:
        return


def test_what_a_header_promises_is_not_held_before_it_comes() -> None:
    reader = FrameReader(1 << 30)
    tracemalloc.start()
    assert reader.feed(HEADER.pack(1 << 30, Kind.CALL, 0, 1, 1, 0)) == []
    assert reader.feed(bytes(1000)) == []
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.amid
    assert held_bytes < 100_000


def test_a_frame_over_the_limit_is_told_before_its_body_has_come() -> None:
    reader = FrameReader(LIMIT)
    (frame,) = reader.feed(HEADER.pack(1 << 31, Kind.CALL, 0, 7, 3, 0))
    assert (frame.method, frame.call, frame.whole, frame.size_bytes) == (7, 3, False, 1 << 31)
    for _ in range(100):
        assert reader.feed(bytes(1 << 20)) == []
    assert reader.amid


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_an_unknown_kind_ends_the_stream(kind: int) -> None:
    with pytest.raises(FramingError, match=f"{kind} is no kind"):
        FrameReader(LIMIT).feed(HEADER.pack(0, kind, 0, 0, 0, 0))
