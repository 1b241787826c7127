"""Frames between a child's blocking end and the primary's end on the event loop."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_daemon.children.channel import ChannelClosed, ChildChannel
from platform_daemon.children.framing import BlockingChannel, FramingError

Pair = tuple[socket.socket, socket.socket]
_FRAMES = st.lists(st.one_of(st.binary(max_size=50), st.integers(1, 200_000).map(bytes)), max_size=6)


@pytest.fixture
def pair() -> Iterator[Pair]:
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def _wire(frames: list[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)


def _pour(end: socket.socket, content: bytes, sizes: list[int]) -> threading.Thread:
    """Writes in pieces of these sizes, over and over, then closes."""

    def pour() -> None:
        start, turn = 0, 0
        while start < len(content):
            size = sizes[turn % len(sizes)]
            end.sendall(content[start : start + size])
            start, turn = start + size, turn + 1
        end.close()

    thread = threading.Thread(target=pour)
    thread.start()
    return thread


@settings(deadline=None, max_examples=50)
@given(_FRAMES, st.lists(st.integers(1, 70_000), min_size=1, max_size=4))
def test_frames_arrive_whole_however_they_are_cut(frames: list[bytes], sizes: list[int]) -> None:
    ours, theirs = socket.socketpair()
    sizes = sizes if sum(map(len, frames)) < 1000 else [max(size, 1000) for size in sizes]
    thread = _pour(theirs, _wire(frames), sizes)
    with ours:
        channel = BlockingChannel(ours)
        assert [channel.receive() for _ in frames] == frames
        assert channel.receive() is None
    thread.join()


@settings(deadline=None, max_examples=50)
@given(_FRAMES, st.lists(st.integers(1000, 70_000), min_size=1, max_size=4))
def test_the_event_loops_end_reads_the_same(frames: list[bytes], sizes: list[int]) -> None:
    async def receive_all(ours: socket.socket) -> list[bytes]:
        channel = await ChildChannel.open(ours)
        received = [await channel.receive() for _ in frames]
        with pytest.raises(ChannelClosed):
            await channel.receive()
        channel.close()
        return received

    ours, theirs = socket.socketpair()
    thread = _pour(theirs, _wire(frames), sizes)
    assert asyncio.run(receive_all(ours)) == frames
    thread.join()


@pytest.mark.parametrize("content", [b"\x00", b"\x00\x00\x00\x05abc", b"\x00\x00\x00\x05"])
def test_a_channel_that_ends_inside_a_frame_is_broken(pair: Pair, content: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(content)
    theirs.close()
    with pytest.raises(FramingError):
        BlockingChannel(ours).receive()


def test_a_length_over_the_limit_is_refused_before_anything_is_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(FramingError, match="4294967295"):
        BlockingChannel(ours, max_frame_bytes=10).receive()
    with pytest.raises(FramingError, match="limit of 10"):
        BlockingChannel(ours, max_frame_bytes=10).send(bytes(11))


def test_a_hostile_length_closes_the_primarys_end(pair: Pair) -> None:
    async def scenario() -> None:
        channel = await ChildChannel.open(pair[0], max_frame_bytes=1 << 20)
        pair[1].sendall(_wire([b"good"]) + b"\x7f\xff\xff\xff")
        assert await channel.receive() == b"good"
        with pytest.raises(ChannelClosed, match="limit"):
            await channel.receive()
        with pytest.raises(ChannelClosed):
            await channel.send(b"too late")

    asyncio.run(scenario())


def test_both_directions_under_load_with_a_slow_reader(pair: Pair) -> None:
    ours, theirs = pair
    frames = [bytes([number]) * (number * 4000) for number in range(1, 100)]

    def echo() -> None:
        channel = BlockingChannel(theirs)
        while (frame := channel.receive()) is not None:
            channel.send(frame)

    async def scenario() -> list[bytes]:
        channel = await ChildChannel.open(ours)

        async def send_all() -> None:
            for frame in frames:
                await channel.send(frame)

        sending = asyncio.create_task(send_all())
        received = [await channel.receive() for _ in frames]
        await sending
        channel.close()
        return received

    thread = threading.Thread(target=echo)
    thread.start()
    assert asyncio.run(scenario()) == frames
    thread.join()


def test_sending_waits_for_the_reader_and_ends_with_it(pair: Pair) -> None:
    async def scenario() -> None:
        channel = await ChildChannel.open(pair[0])
        await channel.send(bytes(8 << 20))
        sending = asyncio.create_task(channel.send(b"next"))
        await asyncio.wait([sending], timeout=0.05)
        assert not sending.done()
        pair[1].close()
        with pytest.raises(ChannelClosed):
            await sending

    asyncio.run(scenario())


def test_who_waits_to_send_goes_in_order_and_who_is_cancelled_sends_nothing(pair: Pair) -> None:
    ours, theirs = pair

    async def scenario() -> None:
        channel = await ChildChannel.open(ours)
        await channel.send(bytes(8 << 20))
        sending = [asyncio.ensure_future(channel.send(bytes([number]) * 100_000)) for number in range(100)]
        await asyncio.sleep(0)
        for task in sending[::2]:
            task.cancel()
        await asyncio.sleep(0)
        reading = asyncio.ensure_future(asyncio.to_thread(read, 51))
        await asyncio.gather(*sending, return_exceptions=True)
        first, *others = await reading
        assert len(first) == 8 << 20
        assert [frame[0] for frame in others] == list(range(1, 100, 2))
        channel.close()

    def read(count: int) -> list[bytes]:
        channel = BlockingChannel(theirs)
        return [channel.receive() or b"" for _ in range(count)]

    asyncio.run(scenario())


def test_all_who_wait_to_send_learn_of_the_end(pair: Pair) -> None:
    async def scenario() -> None:
        channel = await ChildChannel.open(pair[0])
        await channel.send(bytes(8 << 20))
        sending = [asyncio.ensure_future(channel.send(b"next")) for _ in range(5)]
        await asyncio.sleep(0)
        channel.close()
        sending.append(asyncio.ensure_future(channel.send(b"too late")))
        outcomes = await asyncio.wait_for(asyncio.gather(*sending, return_exceptions=True), 10)
        assert all(isinstance(outcome, ChannelClosed) for outcome in outcomes)

    asyncio.run(scenario())


def test_nothing_is_handed_over_after_closing_and_the_end_is_told_once(pair: Pair) -> None:
    async def scenario() -> None:
        channel = await ChildChannel.open(pair[0])
        frames: list[bytes] = []
        ends: list[str] = []
        ended = asyncio.Event()

        def on_end(why: str) -> None:
            ends.append(why)
            ended.set()

        def on_frame(frame: bytes) -> None:
            frames.append(frame)
            channel.close("it is no report")

        channel.deliver(on_frame, on_end)
        pair[1].sendall(_wire([b"garbage", b"more"]))
        await asyncio.wait_for(ended.wait(), 10)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (frames, ends) == ([b"garbage"], ["it is no report"])

    asyncio.run(scenario())


def test_what_nobody_reads_stops_the_sender(pair: Pair) -> None:
    """A child that floods its primary fills the socket, not the primary's memory."""

    async def scenario() -> int:
        await ChildChannel.open(pair[0])
        pair[1].setblocking(False)
        sent, block, quiet = 0, _wire([bytes(1 << 16)]), 0
        while quiet < 50:
            try:
                sent += pair[1].send(block)
                quiet = 0
            except BlockingIOError:
                quiet += 1
            await asyncio.sleep(0)
        return sent

    assert asyncio.run(scenario()) < 32 << 20


def test_hangup_is_seen_behind_unread_bytes(pair: Pair) -> None:
    channel = BlockingChannel(pair[0])
    pair[1].sendall(_wire([b"unread"]))
    pair[1].close()
    channel.wait_for_hangup()
    assert channel.receive() == b"unread"
