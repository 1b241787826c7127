"""Carries bytes both ways between two connected sockets, as fast as the slower side takes them."""

import asyncio
from collections.abc import Callable
from typing import cast

from platform_daemon.transport.patience import READING_S, Patience

_SCRATCH_BYTES = 256 * 1024
_HIGH_WATER_BYTES = 512 * 1024
LINGER_S = 5.0
"""How long what is left may take to reach an end whose other end is gone."""

_scratch = memoryview(bytearray(_SCRATCH_BYTES))
"""Received bytes pass through here and are copied on at once, so that all pumps of the event loop share it."""


class PumpEnd(asyncio.BufferedProtocol):
    """One end of a pump. Reading stops here while the other end's buffer is full.

    An end that does not read what it is sent for a minute is dropped.

    When an end is lost, the other one still receives what is on its way, and is closed. `on_lost` runs before this
    end's socket closes.
    """

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._other: PumpEnd = self
        self._transport: asyncio.Transport | None = None
        self._write: Callable[[bytes], None] = _nowhere
        self._patience: asyncio.TimerHandle | None = None
        self._unread = Patience(READING_S, self._give_up)

    def join(self, other: "PumpEnd") -> None:
        """Make the two ends of one pump."""
        self._other = other
        other._other = self

    def attach(self, transport: asyncio.Transport) -> None:
        """Take over a transport that another protocol has opened."""
        self._transport = transport
        self._write = transport.write
        transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)

    def send(self, data: bytes) -> None:
        """Write to this end what was received before the pump began."""
        self._write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(cast(asyncio.Transport, transport))

    def get_buffer(self, sizehint: int) -> memoryview:
        return _scratch

    def buffer_updated(self, nbytes: int) -> None:
        self._other._write(bytes(_scratch[:nbytes]))

    def pause_writing(self) -> None:
        self._unread.begin()
        if self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        self._unread.end()
        if self._other._transport is not None:
            self._other._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._write = _nowhere
        self._unread.end()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._on_lost()
        self._other._drain()

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _drain(self) -> None:
        """Close once what is left has been taken, which has its time."""
        if self._transport is not None:
            self._transport.close()
            self._patience = asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)


def _nowhere(data: bytes) -> None:
    """Where bytes go whose end is gone."""
