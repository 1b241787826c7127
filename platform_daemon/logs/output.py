"""What child processes print on standard error: read so that none ever waits, and mostly withheld.

What a child prints before it has proven itself concerns its start, and nothing of an example had been sent to it by
then: a child that does not start has its words in the log. What it prints later a graph may have printed, and may
hold what examples hold: it is counted, and written only where the device's owner asks for it (`daemon.child_output`).
"""

import asyncio
import logging
from collections import deque
from typing import IO

from platform_daemon.logs.events import LogEvent, marked

LINE_LIMIT_BYTES = 400
_LEFT_LIMIT_BYTES = 65536
OUTPUT_LIMIT_BYTES = 1 << 20
"""Of one child: a graph that prints without end must not occupy the primary."""
FIRST_LINES = 20
"""Of a start that fails, the last so many are written."""
_logger = logging.getLogger(__name__)


class ChildOutput(asyncio.Protocol):
    """Reads one child's standard error. Belongs to the event loop."""

    def __init__(self, role: str, *, keep: bool) -> None:
        self.lines = 0
        """Printed since the child had proven itself."""
        self.role = role
        self._keep = keep
        self._pid = 0
        self._proven = False
        self._first: deque[str] = deque(maxlen=FIRST_LINES)
        self._rest = b""
        self._received = 0
        self._end: IO[bytes] | None = None
        self._transport: asyncio.BaseTransport | None = None

    async def attach(self, end: IO[bytes]) -> None:
        """Read from this end of a pipe, unbuffered, which closes with the last process that holds the other."""
        self._end = end
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: self, end)

    def proven(self, pid: int) -> None:
        """From here on the child is sent examples."""
        self._pid, self._proven = pid, True
        self._first.clear()

    def failed(self, pid: int) -> None:
        """The child has not started: write down what it said, as far as it has arrived."""
        self._pid = pid
        for line in filter(None, (*self._first, _printable(self._rest))):
            fields = marked(LogEvent.CHILD_OUTPUT, role=self.role, pid=pid, text=line)
            _logger.info("child: %s", line, extra=fields)
        self._first.clear()

    def close(self) -> None:
        """Read what has arrived, stop, and tell how much was withheld. Repeatable."""
        if self._transport is None:
            return
        if self._end is not None:
            self.data_received(self._end.read(_LEFT_LIMIT_BYTES) or b"")
        self._transport.close()
        self._transport = None
        if self.lines and not self._keep:
            fields = marked(LogEvent.CHILD_OUTPUT_WITHHELD, role=self.role, pid=self._pid, lines=self.lines)
            _logger.debug("a child printed %d lines", self.lines, extra=fields)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end = None

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > OUTPUT_LIMIT_BYTES and self._transport is not None:
            # What the child prints from here on fails, which it may ignore.
            self._transport.close()
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LINE_LIMIT_BYTES]
        for line in lines:
            self._take(_printable(line))

    def _take(self, line: str) -> None:
        if not self._proven:
            self._first.append(line)
            return
        self.lines += 1
        if self._keep:
            fields = marked(LogEvent.CHILD_OUTPUT, role=self.role, pid=self._pid, text=line)
            _logger.info("child: %s", line, extra=fields)


def _printable(line: bytes) -> str:
    text = line[:LINE_LIMIT_BYTES].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)
