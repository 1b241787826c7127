"""Frames between the primary and its children, cut at any place: both ends read the same."""

import socket
from pathlib import Path

from platform_daemon.children.channel import ChildChannel
from platform_daemon.children.framing import HEADER, BlockingChannel, FramingError
from tests.fuzz.target import FuzzTarget

MOST_BYTES = 1 << 12


def frames(*contents: bytes) -> bytes:
    return b"".join(HEADER.pack(len(content)) + content for content in contents)


def parse(data: bytes) -> None:
    """The first byte says in pieces of how many bytes the others come."""
    piece, stream = 1 + data[0] if data else 1, data[1:]
    ends = socket.socketpair()
    with ends[0] as ours, ends[1] as theirs:
        ours.sendall(stream)
        ours.close()
        blocking, read = BlockingChannel(theirs, MOST_BYTES), []
        refused = False
        try:
            while (frame := blocking.receive()) is not None:
                read.append(frame)
        except FramingError:
            refused = True
    channel = ChildChannel(MOST_BYTES)
    for start in range(0, len(stream), piece):
        if channel._ended is None:  # a transport that was aborted hands on nothing more
            channel.data_received(stream[start : start + piece])
    assert list(channel._frames) == read
    assert refused or not channel._buffer


def target(folder: Path) -> FuzzTarget:
    seeds = (b"\x03" + frames(b"one", b"", b"two" * 100), b"\xff" + frames(b"x" * MOST_BYTES), b"\x00\xff\xff\xff\xff")
    return FuzzTarget(parse, (), seeds, (HEADER.pack(0), HEADER.pack(MOST_BYTES)), 1 << 13)
