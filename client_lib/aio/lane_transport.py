"""Calls over the framed lane, awaited: as many at once as there are tasks, over one connection."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from client_lib.aio.transport import AsyncPendingCall
from client_lib.errors import InsituError, Unavailable
from client_lib.lane_framing import CALL_IDS, MAGIC, FrameReader, FramingError, call_frame, cancel_frame
from client_lib.lane_link import NotSent, check_size, error_in, lost, milliseconds, response_in, timed_out
from client_lib.reaching import check_path, refusal, shut
from client_lib.transport import MAX_MESSAGE_BYTES, Method, Request, Response

_CONNECT_TIMEOUT_S = 5.0
_BACKLOG_PAUSE_S = 0.005
_HIGH_WATER_BYTES = 1 << 20
"""So much may wait for a daemon that does not read; then calls wait before they are sent."""


class _Link(asyncio.Protocol):
    """One connection. A call is in `waiting` from when it is sent until it is answered or given up."""

    def __init__(self) -> None:
        self.why: InsituError | None = None
        """Why it is no longer of use."""
        self._frames = FrameReader(MAX_MESSAGE_BYTES)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._numbers: Iterator[int] = (number % CALL_IDS for number in itertools.count(1))
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._writable = asyncio.Event()
        self._writable.set()

    async def begin(self, method: int, session: bytes, request: bytes, timeout_s: float) -> "PendingCall":
        """Send a call: at once, unless the daemon does not read, and in the order in which they are begun.

        Raises DeadlineExceeded, and NotSent where the connection was lost before anything of the call was sent.
        """
        gives_up_s = self._loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(gives_up_s), self._sending:
                await self._writable.wait()
                return self._send(method, session, request, timeout_s, gives_up_s)
        except TimeoutError:
            raise timed_out() from None

    def begin_now(self, method: int, session: bytes, request: bytes, timeout_s: float) -> "PendingCall | None":
        """Send a call at once. None where that cannot be."""
        if self.why is not None or self._sending.locked() or not self._writable.is_set():
            return None
        try:
            return self._send(method, session, request, timeout_s, self._loop.time() + timeout_s)
        except NotSent:
            return None

    def give_up(self, number: int) -> None:
        """Nobody waits for this call any more: tell the daemon, unless it has been answered."""
        if self._waiting.pop(number, None) is not None:
            self._transport.write(cancel_frame(number))

    def _send(self, method: int, session: bytes, request: bytes, timeout_s: float, gives_up_s: float) -> "PendingCall":
        if self.why is not None:
            raise NotSent
        number = next(self._numbers)
        self._transport.write(call_frame(method, number, session, request, milliseconds(timeout_s)))
        if self._transport.is_closing():
            # Only what is written at once can fail here, and then nothing of it was.
            raise NotSent
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[number] = answer
        return PendingCall(self, number, answer, gives_up_s)

    def abandon(self, why: InsituError) -> None:
        """Fail what is under way with `why`, and release the socket. Repeatable."""
        if self.why is not None:
            return
        self.why = why
        self._transport.abort()
        self._writable.set()
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(type(why)(str(why), reason=why.reason))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # which those of other loops do not inherit from
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._transport.write(MAGIC)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._frames.feed(data)
        except FramingError as error:
            self.abandon(lost(error))
            return
        for frame in frames:
            answer = self._waiting.pop(frame.call, None)
            if answer is None or answer.done():
                continue
            refused = error_in(frame)
            if refused is None:
                answer.set_result(frame.body)
            else:
                answer.set_exception(refused)

    def connection_lost(self, exc: Exception | None) -> None:
        self.abandon(lost(exc or ConnectionResetError("it hung up")))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


class PendingCall:
    """See AsyncPendingCall."""

    __slots__ = ("_answer", "_gives_up_s", "_number", "link")

    def __init__(self, link: _Link, number: int, answer: "asyncio.Future[bytes]", gives_up_s: float) -> None:
        self.link = link
        self._number = number
        self._answer = answer
        self._gives_up_s = gives_up_s

    async def result(self) -> bytes:
        """The serialized response."""
        try:
            async with asyncio.timeout_at(self._gives_up_s):
                return await self._answer
        except TimeoutError:
            raise timed_out() from None
        finally:
            self.link.give_up(self._number)


class LaneTransport:
    """A connection to one Unix socket, made at the first call and again after it is lost."""

    def __init__(self, socket: Path) -> None:
        """Raises InvalidArgument for a path that no socket can have."""
        check_path(socket)
        self._socket = socket
        self._connecting = asyncio.Lock()
        self._link: _Link | None = None
        self._closed = False

    async def call(
        self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float
    ) -> Response:
        """See AsyncTransport.call."""
        message, told = request.SerializeToString(), session.encode()
        check_size(told, message)
        link = self._link or await self._connect()
        try:
            pending = await link.begin(method.number, told, message, timeout_s)
        except NotSent:
            # The daemon went away since the last call, and has seen nothing of this one.
            self._lose(link)
            link = await self._connect()
            try:
                pending = await link.begin(method.number, told, message, timeout_s)
            except NotSent:
                self._lose(link)
                raise Unavailable("the daemon closed the connection; try again") from None
        return response_in(method.response_type, await pending.result())

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: AsyncPendingCall | None = None,
    ) -> PendingCall | None:
        """See AsyncTransport.start."""
        message, told = request.SerializeToString(), session.encode()
        check_size(told, message)
        link = after.link if isinstance(after, PendingCall) else self._link
        return link.begin_now(method.number, told, message, timeout_s) if link else None

    async def close(self) -> None:
        """See AsyncTransport.close."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            link.abandon(shut())

    def _lose(self, link: _Link) -> None:
        if self._link is link:
            self._link = None
        link.abandon(Unavailable("the daemon closed the connection; try again"))

    async def _connect(self) -> _Link:
        async with self._connecting:
            if self._closed:
                raise shut()
            if self._link is None or self._link.why is not None:
                link = await _open(self._socket)
                if self._closed:  # meanwhile
                    link.abandon(shut())
                    raise shut()
                self._link = link
            return self._link


async def _open(path: Path) -> _Link:
    """Raises DaemonNotRunning, PermissionDenied, Unavailable."""
    loop = asyncio.get_running_loop()
    gives_up_s = loop.time() + _CONNECT_TIMEOUT_S
    while True:
        try:
            _, link = await loop.create_unix_connection(_Link, str(path))
            return link
        except BlockingIOError as error:
            # A Unix socket with a full backlog says so at once.
            if loop.time() >= gives_up_s:
                raise Unavailable(f"the daemon at {path} takes no connection ({error}); try again") from None
            await asyncio.sleep(_BACKLOG_PAUSE_S)
        except OSError as error:
            raise refusal(path, error) or Unavailable(
                f"the daemon at {path} takes no connection ({error}); try again"
            ) from None
