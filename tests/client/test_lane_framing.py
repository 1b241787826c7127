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


def test_drops_cost_no_more_than_their_bytes() -> None:
    reader = FrameReader(1 << 30)
    reader.feed(HEADER.pack(1 << 30, Kind.CALL, 0, 1, 1, 0))
    tracemalloc.start()
    for number in range(50_000):
        reader.feed(bytes((number % 256, 0)))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.held_bytes == 100_000 + HEADER.size
    assert held_bytes < 200_000


def test_less_is_allowed_without_a_session() -> None:
    reader = FrameReader(LIMIT, 10)
    without, within = reader.feed(call_frame(1, 1, b"", bytes(11), 0) + call_frame(1, 2, b"s", bytes(11), 0))
    assert (without.whole, without.size_bytes, within.whole) == (False, 11, True)
    for byte in call_frame(1, 3, b"", bytes(11), 0)[:-1]:
        reader.feed(bytes((byte,)))
    assert reader.held_bytes == 0
    assert reader.amid


@given(st.integers(0, 60), st.integers(1, 60))
def test_an_unfinished_frame_can_be_given_up(come: int, piece: int) -> None:
    reader = FrameReader(LIMIT)
    first, second = call_frame(7, 3, b"s", bytes(50), 0), call_frame(8, 4, b"", b"next", 0)
    stream, received = first + second, []
    received += reader.feed(stream[:come])
    given_up = reader.give_up()
    if HEADER.size <= come:
        assert given_up == Frame(Kind.CALL, 1, 7, 3, 0, b"", 51)
        assert reader.held_bytes == 0
    else:
        assert given_up is None
    for start in range(come, len(stream), piece):
        received += reader.feed(stream[start : start + piece])
    assert [frame.call for frame in received] == ([4] if given_up else [3, 4])


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
