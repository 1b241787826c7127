"""The primary's end of a child's channel, on the event loop."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

from platform_daemon.children.framing import HEADER, MAX_FRAME_BYTES, SMALL_BYTES, FramingError, check_size

_UNREAD_BYTES = 4 << 20
"""So much may wait for `receive` before reading from the socket pauses."""


class ChannelClosed(Exception):
    """Nothing more can be sent or received: the child ended, or sent what is no frame."""


class ChildChannel(asyncio.Protocol):
    """Frames in and out. Belongs to the event loop; any number of tasks send. Frames that come are received by one
    task, or, once there is somebody to deliver them to, handed over in the callback that cuts them.

    Frames are cut in the protocol's callback, not by asyncio's streams, which cost two wake-ups a frame.
    """

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._frames: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reading = True
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._senders: deque[asyncio.Future[None]] = deque()
        """Who waits to write, in order. The first stays there until it goes on, so that nobody overtakes it."""
        self._ended: str | None = None
        self._on_frame: Callable[[bytes], None] | None = None
        self._on_end: Callable[[str], None] | None = None

    @classmethod
    async def open(cls, connection: socket.socket, max_frame_bytes: int = MAX_FRAME_BYTES) -> "ChildChannel":
        """Take over a connected socket."""
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(max_frame_bytes), sock=connection)
        return channel

    async def send_bytes(self, content: bytes) -> None:
        """Send bytes outside any frame: the secret that comes first. Raises ChannelClosed."""
        self._write(content)
        await self._drain()

    async def send(self, content: bytes) -> None:
        """Send one frame; waits, before anything of it is written, while the child does not read. Frames are written in
        the order of the calls; one whose task is cancelled is not written.

        Raises:
            ChannelClosed: the child is gone.
            FramingError: the frame is too long.
        """
        check_size(len(content), self._max_frame_bytes)
        if self._senders or not self._writable.is_set():
            await self._turn()
        header = HEADER.pack(len(content))
        if len(content) <= SMALL_BYTES:
            self._write(header + content)
        else:
            self._write(header)
            self._write(content)
        if self._senders:
            self._next_sender()

    async def receive(self) -> bytes:
        """The next frame. Raises ChannelClosed once all frames that came whole have been read."""
        while not self._frames:
            if self._ended is not None:
                raise ChannelClosed(self._ended)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        frame = self._frames.popleft()
        self._unread_bytes -= len(frame)
        if not self._reading and self._unread_bytes < _UNREAD_BYTES and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()
        return frame

    def deliver(self, on_frame: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        """From now on hand over each frame as it comes, and at the end, once, the reason. Instead of `receive`."""
        self._on_frame, self._on_end = on_frame, on_end
        self._hand_over()
        if self._ended is not None:
            self._tell_end(self._ended)

    @property
    def is_closed(self) -> bool:
        """Whether either end has closed it."""
        return self._ended is not None

    def close(self, why: str = "the channel was closed") -> None:
        """Close at once; the child sees its end and exits. Nothing more is handed over. Repeatable."""
        self._end(why)
        self._on_frame = None
        if self._transport is not None:
            self._transport.abort()

    def _write(self, content: bytes) -> None:
        if self._ended is not None or self._transport is None:
            raise ChannelClosed(self._ended or "the channel is not open")
        self._transport.write(content)

    async def _turn(self) -> None:
        """Wait until everybody before has written and the child reads."""
        if self._ended is not None:
            return
        turn = asyncio.get_running_loop().create_future()
        self._senders.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._senders.remove(turn)
            self._next_sender()
            raise
        self._senders.remove(turn)  # the first of them, but for a channel that ends

    def _next_sender(self) -> None:
        if self._senders and self._writable.is_set() and not self._senders[0].done():
            self._senders[0].set_result(None)

    async def _drain(self) -> None:
        await self._writable.wait()
        if self._ended is not None:
            raise ChannelClosed(self._ended)

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = why
            self._tell_end(why)
        self._buffer.clear()
        self._writable.set()
        for turn in self._senders:
            if not turn.done():
                turn.set_result(None)
        self._wake()

    def _hand_over(self) -> None:
        while self._frames and self._on_frame is not None:
            frame = self._frames.popleft()
            self._unread_bytes -= len(frame)
            self._on_frame(frame)

    def _tell_end(self, why: str) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            asyncio.get_running_loop().call_soon(on_end, why)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._cut_frames()
        except FramingError as error:
            self._end(str(error))
            if self._transport is not None:
                self._transport.abort()
            return
        if self._on_frame is not None:
            self._hand_over()
        elif self._frames:
            self._wake()
        if self._unread_bytes >= _UNREAD_BYTES and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _cut_frames(self) -> None:
        buffer, start = self._buffer, 0
        while len(buffer) - start >= HEADER.size:
            (size,) = HEADER.unpack_from(buffer, start)
            check_size(size, self._max_frame_bytes)
            end = start + HEADER.size + size
            if end > len(buffer):
                break
            self._frames.append(bytes(buffer[start + HEADER.size : end]))
            self._unread_bytes += size
            start = end
        del buffer[:start]

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
        self._next_sender()

    def connection_lost(self, error: Exception | None) -> None:
        self._end("the process ended" if error is None else f"the channel broke: {error}")
