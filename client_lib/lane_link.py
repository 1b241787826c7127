"""One connection of the framed lane, shared by the threads of a program."""

import itertools
import socket as sockets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from google.protobuf.message import DecodeError

from client_lib.errors import (
    DeadlineExceeded,
    InsituError,
    Internal,
    ResourceExhausted,
    Unavailable,
    from_status,
)
from client_lib.lane_framing import (
    CALL_IDS,
    LONGEST_DEADLINE_MS,
    LONGEST_SESSION_BYTES,
    Frame,
    FrameReader,
    FramingError,
    Kind,
    call_frame,
    cancel_frame,
)
from client_lib.transport import MAX_MESSAGE_BYTES, Response
from insitu.v1.lane_pb2 import CallError

_READ_BYTES = 256 * 1024
_LOOK_UP_S = 0.02
"""How long a system call may block before its thread looks at the clock."""
_TIMEVAL = struct.Struct("@ll")


class NotSent(Exception):
    """The connection was lost before anything of the call was sent."""


class Waiting:
    """A call that was sent. Answered, failed, or neither yet."""

    __slots__ = ("answer", "call", "error", "give_up_s", "wake")

    def __init__(self, call: int, give_up_s: float) -> None:
        self.call = call
        self.give_up_s = give_up_s
        self.answer: bytes | None = None
        self.error: InsituError | None = None
        self.wake: threading.Event | None = None
        """Set when there is an answer, or nobody reads any more. None while nobody waits for it."""

    @property
    def done(self) -> bool:
        """Answered, or failed."""
        return self.answer is not None or self.error is not None


class LaneLink:
    """A connected socket, which it closes once broken. Safe to use from several threads."""

    def __init__(self, connection: sockets.socket) -> None:
        connection.settimeout(None)
        pause = _TIMEVAL.pack(0, int(_LOOK_UP_S * 1e6))
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVTIMEO, pause)
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDTIMEO, pause)
        self._socket = connection
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._frames = FrameReader(MAX_MESSAGE_BYTES)
        self._waiting: dict[int, Waiting] = {}
        self._numbers: Iterator[int] = (number % CALL_IDS for number in itertools.count(1))
        self._why: InsituError | None = None

    @property
    def broken(self) -> bool:
        """Whether no call can be sent any more: the connection was lost, or closed."""
        return self._why is not None

    def send(self, method: int, session: bytes, request: bytes, timeout_s: float) -> Waiting:
        """Send a call. Raises NotSent, ResourceExhausted for a message over the limit, DeadlineExceeded."""
        check_size(session, request)
        give_up_s = time.monotonic() + timeout_s
        if not self._sending.acquire(blocking=False):
            if not self._sending.acquire(timeout=max(0.0, timeout_s)):
                raise DeadlineExceeded("another call was being sent for all the time allowed; allow more, or try again")
            timeout_s = give_up_s - time.monotonic()
        try:
            if self._why is not None:
                raise NotSent
            waiting = Waiting(next(self._numbers), give_up_s)
            self._waiting[waiting.call] = waiting
            frame = call_frame(method, waiting.call, session, request, milliseconds(timeout_s))
            try:
                if not self._send(frame, give_up_s):
                    raise NotSent
            except BaseException:
                self._waiting.pop(waiting.call, None)
                raise
        finally:
            self._sending.release()
        return waiting

    def wait(self, waiting: Waiting) -> bytes:
        """The serialized response. Raises InsituError; after DeadlineExceeded the daemon is told to give up too."""
        try:
            while not waiting.done:
                if self._reading.acquire(blocking=False):
                    try:
                        self._read_for(waiting)
                    finally:
                        self._reading.release()
                elif waiting.wake is None:
                    # Before looking once more whether somebody reads: whoever stops then, sees that this thread waits.
                    waiting.wake = threading.Event()
                else:
                    waiting.wake.wait(max(0.0, waiting.give_up_s - time.monotonic()))
                    waiting.wake.clear()
                if not waiting.done and time.monotonic() >= waiting.give_up_s:
                    self._give_up(waiting)
        finally:
            # Also one that never read may have been called to: whoever read last then counts on it.
            if self._waiting:
                self._waiting.pop(waiting.call, None)
                if not self._reading.locked():
                    self._let_another_read()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.answer is not None
        return waiting.answer

    def close(self, why: InsituError) -> None:
        """Fail what is under way with `why`, and release the socket. Repeatable."""
        self._break(why)
        with self._sending, self._reading:
            self._socket.close()

    def _send(self, frame: bytes, give_up_s: float) -> bool:
        """With the lock for sending. Whether anything was sent; what is cut off breaks the connection."""
        left = memoryview(frame)
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    # The daemon does not read: perhaps it waits until its own answers are read.
                    self._read_if_nobody_does()
                    if time.monotonic() < give_up_s:
                        continue
                    if len(left) == len(frame):
                        raise DeadlineExceeded("the daemon read nothing in the time allowed; try again") from None
                    self._break(Unavailable("the daemon stopped reading in the middle of a call; try again"))
                    return True
        except OSError as error:
            self._break(lost(error))
            return len(left) < len(frame)
        except DeadlineExceeded:
            raise
        except BaseException:
            # An interrupt: the daemon would take the next frame for the rest of this one.
            self._break(Unavailable("sending was interrupted; try again"))
            raise
        return True

    def _read_if_nobody_does(self) -> None:
        if self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()
                self._let_another_read()

    def _read_for(self, waiting: Waiting) -> None:
        """With the lock for reading, until the call is done or its time is over."""
        while not waiting.done:
            if not self._read() and time.monotonic() >= waiting.give_up_s:
                return

    def _read(self) -> bool:
        """Hand out what has arrived. False where nothing has for a while."""
        if self._why is not None:
            self._fail_waiting(self._why)
            return False
        try:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("it hung up")
            for frame in self._frames.feed(data):
                waiting = self._waiting.get(frame.call)
                if waiting is not None:
                    _settle(waiting, frame)
                    # Not before: what is in neither state would wait forever where an interrupt comes between.
                    self._waiting.pop(frame.call, None)
        except BlockingIOError:
            return False
        except (OSError, FramingError) as error:
            self._break(lost(error))
            return False
        except BaseException:
            # An interrupt: what was read may be lost, and with it the place in the stream.
            self._break(Unavailable("reading was interrupted; try again"))
            raise
        return True

    def _let_another_read(self) -> None:
        for waiting in tuple(self._waiting.values()):
            if waiting.wake is not None:
                waiting.wake.set()
                return

    def _give_up(self, waiting: Waiting) -> None:
        if self._waiting.pop(waiting.call, None) is None:
            return  # answered, or failed, at this moment
        waiting.error = timed_out()
        if not self._sending.acquire(blocking=False):
            return  # the daemon knows the deadline, and others have theirs
        try:
            if self._why is None:
                with suppress(DeadlineExceeded):
                    self._send(cancel_frame(waiting.call), time.monotonic())
        finally:
            self._sending.release()

    def _break(self, why: InsituError) -> None:
        if self._why is not None:
            return
        self._why = why
        with suppress(OSError):  # the daemon was quicker
            self._socket.shutdown(sockets.SHUT_RDWR)  # wakes who reads
        self._fail_waiting(why)

    def _fail_waiting(self, why: InsituError) -> None:
        for call, waiting in tuple(self._waiting.items()):
            if not waiting.done:
                waiting.error = type(why)(str(why), reason=why.reason)
            if waiting.wake is not None:
                waiting.wake.set()
            self._waiting.pop(call, None)


def check_size(session: bytes, request: bytes) -> None:
    """Raises ResourceExhausted for what no frame takes."""
    if len(request) > MAX_MESSAGE_BYTES or len(session) > LONGEST_SESSION_BYTES:
        raise ResourceExhausted(
            f"the request has {len(request)} bytes and {MAX_MESSAGE_BYTES} is the most: send less at a time",
            reason="MESSAGE_TOO_LARGE",
        )


def milliseconds(timeout_s: float) -> int:
    """A timeout as a call's frame has it."""
    return max(1, min(int(timeout_s * 1000), LONGEST_DEADLINE_MS))


def timed_out() -> DeadlineExceeded:
    """What becomes of a call that was sent and not answered in time."""
    return DeadlineExceeded("the daemon did not answer in the time allowed; allow more, or try again")


def _settle(waiting: Waiting, frame: Frame) -> None:
    waiting.error = error_in(frame)
    if waiting.error is None:
        waiting.answer = frame.body
    if waiting.wake is not None:
        waiting.wake.set()


def error_in(frame: Frame) -> InsituError | None:
    """What an answer of the daemon tells instead of a response."""
    if not frame.whole:
        return Internal(f"the answer has {frame.size_bytes} bytes, more than the protocol allows: update both")
    return None if frame.kind == Kind.ANSWER else error_of(frame.body)


def error_of(body: bytes) -> InsituError:
    """The error that a serialized CallError tells."""
    try:
        told = CallError.FromString(body)
    except DecodeError:
        return _unreadable()
    return from_status(
        told.status, told.message, reason=told.reason or None, field=told.field or None, detail=told.detail or None
    )


def response_in(kind: type[Response], body: bytes) -> Response:
    """Raises Internal for bytes that are no such response."""
    try:
        return kind.FromString(body)
    except DecodeError:
        raise _unreadable() from None


def _unreadable() -> Internal:
    return Internal("the daemon's answer cannot be read; update the daemon and the client library", reason="MALFORMED")


def lost(error: Exception) -> Unavailable:
    """What became of calls under way on a connection that broke."""
    return Unavailable(f"the connection to the daemon was lost ({error}); try again")
