"""Length-prefixed frames on the socket pair between the primary and a child process.

A frame is a length (4 bytes, big-endian) and so many bytes. A length over the limit breaks the channel before anything
is allocated for it: the child runs hostile graphs, so whatever it sends may be hostile too.
"""

import select
import socket
import struct
import threading

MAX_FRAME_BYTES = 256 << 20
"""Plans with their graph, parameters and checkpoints travel in one frame each."""

HEADER = struct.Struct(">I")
_READ_BYTES = 1 << 16
# Up to here one copy is cheaper than a second system call.
SMALL_BYTES = 1 << 14


class FramingError(Exception):
    """The bytes are no frames, or the channel ended inside one. Nothing more can be read."""


class BlockingChannel:
    """A child's end. One thread may receive while others send."""

    def __init__(self, connection: socket.socket, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._socket = connection
        self._max_frame_bytes = max_frame_bytes
        self._sending = threading.Lock()
        self._block = memoryview(bytearray(_READ_BYTES))
        self._start = self._end = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        """The next frame, or None when the other end has closed between two frames.

        Raises:
            FramingError: too long, or cut off.
        """
        while self._end - self._start < HEADER.size:
            if not self._fill():
                if self._end > self._start:
                    raise FramingError("the channel ended inside a frame's length")
                return None
        (size,) = HEADER.unpack_from(self._block, self._start)
        check_size(size, self._max_frame_bytes)
        self._start += HEADER.size
        return self.read_exactly(size)

    def read_exactly(self, size: int) -> bytes:
        """Raises FramingError where fewer bytes come."""
        buffered = min(size, self._end - self._start)
        if buffered == size:
            self._start += size
            return bytes(self._block[self._start - size : self._start])
        content = bytearray(size)
        content[:buffered] = self._block[self._start : self._start + buffered]
        self._start = self._end = 0
        view = memoryview(content)[buffered:]
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                raise FramingError(f"the channel ended {len(view)} bytes before the end of a frame")
            view = view[count:]
        return bytes(content)

    def send(self, content: bytes) -> None:
        """Send one frame; blocks while the other end does not read. Raises OSError where it is gone."""
        check_size(len(content), self._max_frame_bytes)
        header = HEADER.pack(len(content))
        with self._sending:
            if len(content) <= SMALL_BYTES:
                self._socket.sendall(header + content)
            else:
                self._socket.sendall(header)
                self._socket.sendall(content)

    def _fill(self) -> bool:
        """Read what is there; False at the end of the channel."""
        left = self._end - self._start
        self._block[:left] = self._block[self._start : self._end]
        count = self._socket.recv_into(self._block[left:])
        self._start, self._end = 0, left + count
        return count > 0

    def wait_for_hangup(self) -> None:
        """Block until the other end is closed, whatever is still unread. Needs no interpreter time meanwhile."""
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        poll.poll()


def check_size(size: int, max_frame_bytes: int) -> None:
    """Raises FramingError for a frame that is too long."""
    if size > max_frame_bytes:
        raise FramingError(f"a frame of {size} bytes is over the limit of {max_frame_bytes}")
