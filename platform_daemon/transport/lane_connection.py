"""One connection of the framed lane: frames in, each call a task, answers out as they come."""

import asyncio
import time
from collections.abc import Hashable, Mapping, MutableSet
from dataclasses import dataclass

from client_lib.lane_framing import (
    LONGEST_SESSION_BYTES,
    Frame,
    FrameReader,
    FramingError,
    Kind,
    answer_header,
    error_frame,
)
from insitu.v1.lane_pb2 import CallError
from platform_daemon.errors import DaemonError, DeadlineExceeded, ResourceExhausted, Unavailable
from platform_daemon.transport.acceptor import Arrival
from platform_daemon.transport.calls import Access, CallContext, Method, MethodTable
from platform_daemon.transport.held_bytes import SPARE_BYTES, HeldBytes
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.patience import READING_S, WRITING_S, Patience
from platform_daemon.transport.status import as_daemon_error, as_error_message
from platform_daemon.transport.underway import CallsUnderWay

_SMALL_BYTES = 1 << 14
"""Up to here one copy is cheaper than a second system call."""
_HIGH_WATER_BYTES = 1 << 20
"""So much may wait for a client that does not read; then its calls are not read either."""
_AFTER_A_PAUSE = 8
"""So many waiting calls begin when the client has read its answers, and two for each that ends then: what they all
answer at once might be more than it reads."""

MOST_IDLE_FRAMES = 4096
"""Calls that are refused unread, and cancels of what is not under way, cost their sender nothing and the event loop a
few microseconds each, in which every other app waits. Who sends so many more of them than of calls is hung up on."""


@dataclass(slots=True)
class _Underway:
    task: "asyncio.Task[None]"
    size_bytes: int
    deadline_s: float | None
    why: DaemonError | None = None
    """What to tell the caller of a call that was cancelled; nothing where the caller did it."""
    cancelled: bool = False
    begun: bool = False


class LaneConnection(asyncio.Protocol):
    """Belongs to the event loop.

    A client may have many calls sent, some of them begun. Reading stops while too many bytes are under way, or its
    answers are not read: its own calls wait in its socket then, and nothing here grows. When the connection is lost,
    its calls are cancelled.
    """

    def __init__(
        self,
        arrival: Arrival,
        table: MethodTable,
        methods: Mapping[int, Method],
        limits: CallLimits,
        calls: CallsUnderWay,
        refusal: DaemonError | None,
        connections: "MutableSet[LaneConnection]",
        held: HeldBytes | None = None,
    ) -> None:
        """`held` is shared by all connections of a socket."""
        self.ended = asyncio.Event()
        self._arrival = arrival
        self._transport = arrival.transport
        self._loop = asyncio.get_running_loop()
        self._table = table
        self._methods = methods
        self._limits = limits
        self._calls = calls
        self._refusal = refusal
        self._connections = connections
        self._without_session_bytes = limits.message_bytes
        if any(method.access is Access.SESSION for method in methods.values()):
            self._without_session_bytes = min(limits.message_bytes, limits.without_session_bytes)
        self._frames = FrameReader(limits.message_bytes + LONGEST_SESSION_BYTES, self._without_session_bytes)
        self._held = held or HeldBytes(limits.unfinished_bytes)
        self._counted_bytes = 0
        """What `_held` knows of."""
        self._holder: Hashable = ("user", arrival.peer.uid)
        self._is_stranger = True
        self._waiting: dict[int, tuple[Frame, float | None]] = {}
        """Calls with their deadline, not begun yet; in order of arrival."""
        self._underway: dict[int, _Underway] = {}
        self._held_bytes = 0
        self._idle_frames = 0
        """Frames that made no work, less the calls that did."""
        self._writable = True
        self._most_unread_bytes = 2 * limits.message_bytes
        self._reading = False
        self._unread = Patience(READING_S, self._transport.abort)
        self._amid = Patience(WRITING_S, self._transport.abort)
        self._watch: asyncio.TimerHandle | None = None
        self._watch_s = 0.0

    def begin(self, first: bytes) -> None:
        """Take the connection over; `first` came with the magic."""
        self._connections.add(self)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._transport.set_protocol(self)
        if self._transport.is_closing():
            self.connection_lost(None)
            return
        if first:
            self.data_received(first)
        self._read_or_wait()

    def end(self) -> None:
        """Cancel what is under way, tell its callers, and close once they have read it."""
        for number in (*self._waiting, *self._underway):
            self._cancel(number, _shutting_down())
        self._loop.call_soon(self._loop.call_soon, self._transport.close)  # after the cancelled tasks have said why

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._frames.feed(data)
        except FramingError:
            self._transport.abort()
            return
        if self._frames.amid:
            if frames:
                self._amid.end()  # of another frame than the one that is unfinished now
            self._amid.begin()
        else:
            self._amid.end()
        for frame in frames:
            if frame.kind == Kind.CALL:
                self._call(frame)
            elif frame.kind == Kind.CANCEL:
                self._give_up(frame.call)
            else:
                self._transport.abort()  # answers come from here
                return
            if self._idle_frames > MOST_IDLE_FRAMES:
                self._transport.abort()
                return
        if self._full:
            self._read_or_wait()
        if (self._is_stranger or self._counted_bytes or self._frames.held_bytes) and self._holds_too_much():
            self._drop_unfinished()

    def pause_writing(self) -> None:
        self._writable = False
        self._unread.begin()
        self._read_or_wait()

    def resume_writing(self) -> None:
        self._writable = True
        self._unread.end()
        if self._counted_bytes:
            self._holds_too_much()
        self._begin_waiting(_AFTER_A_PAUSE)
        self._read_or_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended.is_set():
            return
        self.ended.set()
        self._connections.discard(self)
        self._unread.end()
        self._amid.end()
        if self._watch is not None:
            self._watch.cancel()
        self._waiting.clear()
        for number in tuple(self._underway):
            self._cancel(number, None)
        self._count(0)
        self._arrival.ended()

    # Calls

    @property
    def _full(self) -> bool:
        return not self._writable or self._held_bytes >= self._limits.bytes_per_connection

    def _read_or_wait(self) -> None:
        reading = not self._full
        if reading is self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _call(self, frame: Frame) -> None:
        error = self._unserved(frame)
        if error is not None:
            self._idle_frames += 1
            self._write(error_frame(frame.call, error))
            return
        deadline_s = time.monotonic() + frame.deadline_ms / 1000 if frame.deadline_ms else None
        self._held_bytes += frame.size_bytes
        if self._may_begin:
            self._begin(frame, deadline_s)
        else:
            self._waiting[frame.call] = (frame, deadline_s)
        if deadline_s is not None and (self._watch is None or deadline_s < self._watch_s):
            self._watch_at(deadline_s)

    @property
    def _may_begin(self) -> bool:
        """Whose client does not read gets no further answers."""
        return self._writable and len(self._underway) < self._limits.calls_per_connection

    def _begin_waiting(self, most: int) -> None:
        while most and self._waiting and self._may_begin:
            self._begin(*self._waiting.pop(next(iter(self._waiting))))
            most -= 1

    def _begin(self, frame: Frame, deadline_s: float | None) -> None:
        session_size = frame.session_size
        context = CallContext(self._arrival.peer, frame.body[:session_size].decode("ascii", "replace"), deadline_s)
        method, request = self._methods[frame.method], frame.body[session_size:]
        task = self._loop.create_task(self._answer(frame.call, method, request, context))
        self._underway[frame.call] = _Underway(task, frame.size_bytes, deadline_s)

    def _unserved(self, frame: Frame) -> CallError | None:
        """Why a call is not begun, if so."""
        if frame.call in self._underway or frame.call in self._waiting:
            return CallError(
                status="INVALID_ARGUMENT",
                reason="MALFORMED",
                message=f"call {frame.call} is under way: give each call a number of its own",
            )
        if not frame.whole and not frame.session_size and frame.size_bytes <= self._limits.message_bytes:
            return as_error_message(
                _too_large("request without a session", frame.size_bytes, self._without_session_bytes)
            )
        if not frame.whole or frame.size_bytes - frame.session_size > self._limits.message_bytes:
            return as_error_message(_too_large("request", frame.size_bytes, self._limits.message_bytes))
        if frame.session_size > frame.size_bytes:
            return CallError(
                status="INVALID_ARGUMENT", reason="MALFORMED", message="the session is longer than the frame: mend it"
            )
        if self._is_stranger and self._held.too_many(self._holder, self._counted_bytes):
            return as_error_message(_held(self._held.limit_bytes))
        if self._refusal is not None:
            return as_error_message(self._refusal)
        if len(self._waiting) >= self._limits.calls_waiting:
            return as_error_message(
                ResourceExhausted(
                    f"{self._limits.calls_waiting} calls of this connection wait, which is the most: wait for answers",
                    reason="TOO_MANY_CALLS",
                )
            )
        if frame.method not in self._methods:
            return CallError(
                status="UNIMPLEMENTED",
                reason="UNIMPLEMENTED",
                message=f"this socket has no method {frame.method}",
            )
        return None

    async def _answer(self, number: int, method: Method, request: bytes, context: CallContext) -> None:
        call = self._underway[number]
        call.begun = True
        self._idle_frames = max(0, self._idle_frames - 1)
        try:
            with self._calls:
                response = await self._table.answer(method, request, context)
            if self._is_stranger and context.caller is not None:
                self._presented(context.caller.number)
            if len(response) > self._limits.message_bytes:
                raise _too_large("response", len(response), self._limits.message_bytes)
            self._write_answer(number, response)
        except asyncio.CancelledError:
            if not call.cancelled:
                self._fail(number, _shutting_down())
            elif call.why is not None:
                self._fail(number, call.why)
        except Exception as error:  # noqa: BLE001 - every defect gets an answer and a line in the log
            self._fail(number, as_daemon_error(error, method.path))
        finally:
            self._finished(number)

    def _give_up(self, number: int) -> None:
        """At the client's word."""
        call = self._underway.get(number)
        if call is None or not call.begun:
            self._idle_frames += 1
        self._cancel(number, None)

    def _cancel(self, number: int, why: DaemonError | None) -> None:
        """End a call early. One that has ended is left alone."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._held_bytes -= waiting[0].size_bytes
            if why is not None:
                self._fail(number, why)
            return
        call = self._underway.get(number)
        if call is None or call.cancelled:
            return
        call.cancelled, call.why = True, why
        call.task.cancel()
        call.task.add_done_callback(lambda _: self._never_began(number, call))

    def _never_began(self, number: int, call: _Underway) -> None:
        """A task that is cancelled before its first step runs no line of `_answer`."""
        if self._underway.get(number) is call:
            if call.why is not None:
                self._fail(number, call.why)
            self._finished(number)

    def _finished(self, number: int) -> None:
        self._held_bytes -= self._underway.pop(number).size_bytes
        if self._waiting:
            self._begin_waiting(2)
        if self._counted_bytes:
            self._holds_too_much()
        if not self._reading:
            self._read_or_wait()

    # What is held that no limit on calls under way knows of: unfinished frames, unread answers, strangers' calls

    def _holds_too_much(self) -> bool:
        """Count anew, and tell."""
        held = self._frames.held_bytes
        if self._is_stranger:
            held += self._held_bytes
        if not self._writable:
            held += self._transport.get_write_buffer_size()
        self._count(held)
        return self._held.too_many(self._holder, held)

    def _count(self, held_bytes: int) -> None:
        if self.ended.is_set():
            held_bytes = 0
        if held_bytes != self._counted_bytes:
            self._held.change(self._holder, held_bytes - self._counted_bytes)
            self._counted_bytes = held_bytes

    def _presented(self, app: Hashable) -> None:
        """A call has an open session: from now on the connection is an app's."""
        self._count(0)
        self._is_stranger, self._holder = False, app
        self._holds_too_much()

    def _drop_unfinished(self) -> None:
        frame = self._frames.give_up()
        if frame is not None and frame.kind == Kind.CALL:
            self._fail(frame.call, _held(self._held.limit_bytes))
        self._holds_too_much()

    def _fail(self, number: int, error: DaemonError) -> None:
        self._write(error_frame(number, as_error_message(error)))

    def _is_too_much(self, response: bytes) -> bool:
        """To keep for a client that does not read."""
        unread = self._transport.get_write_buffer_size() + len(response)
        return unread > self._most_unread_bytes or (unread > SPARE_BYTES and self._holds_too_much())

    def _write_answer(self, number: int, response: bytes) -> None:
        if not self._writable and self._is_too_much(response):
            self._fail(number, _unread(self._most_unread_bytes))
            return
        header = answer_header(number, len(response))
        if len(response) <= _SMALL_BYTES:
            self._write(header + response)
        else:
            self._write(header)
            self._write(response)

    def _write(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)

    # Deadlines: one timer for all calls of the connection, at the earliest deadline that was known when it was set

    def _watch_at(self, deadline_s: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch_s = deadline_s
        self._watch = self._loop.call_later(max(0.0, deadline_s - time.monotonic()), self._expire)

    def _expire(self) -> None:
        self._watch = None
        now_s = time.monotonic()
        deadlines = {number: waiting[1] for number, waiting in self._waiting.items()}
        deadlines.update((number, call.deadline_s) for number, call in self._underway.items() if not call.cancelled)
        left = []
        for number, deadline_s in deadlines.items():
            if deadline_s is not None and deadline_s <= now_s:
                self._cancel(number, DeadlineExceeded("the deadline passed before the call ended; allow more time"))
            elif deadline_s is not None:
                left.append(deadline_s)
        if left:
            self._watch_at(min(left))


def _shutting_down() -> DaemonError:
    return Unavailable("the daemon is shutting down; try again", reason="SHUTTING_DOWN")


def _unread(limit_bytes: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"answers of {limit_bytes} bytes wait to be read on this connection, which is the most: read them and repeat",
        reason="TOO_MANY_BYTES",
    )


def _held(limit_bytes: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the daemon holds more than {limit_bytes} bytes of unfinished requests and unread answers of this app, or of"
        " this user's processes without a session: wait for some and repeat",
        reason="TOO_MANY_BYTES",
    )


def _too_large(what: str, size_bytes: int, limit_bytes: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the {what} has {size_bytes} bytes and {limit_bytes} is the most: send less at a time",
        reason="MESSAGE_TOO_LARGE",
    )
