"""The lane's blocking end: threads that share a connection, and every way in which it can end."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_lib import Cancelled, DaemonNotRunning, DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from client_lib.errors import InsituError, ResourceExhausted
from client_lib.lane_framing import MAGIC, Frame, FrameReader, Kind, answer_header, error_frame
from client_lib.lane_link import LaneLink, NotSent, Waiting
from client_lib.lane_transport import LaneTransport
from client_lib.transport import MAX_MESSAGE_BYTES, Method
from insitu.v1 import collection_pb2 as wire
from insitu.v1.lane_pb2 import CallError

STATS = Method("Collections", "Stats", wire.CollectionStatsRequest, wire.CollectionStats)


class Daemon:
    """The other end of one link: reads when told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(10)
        self._frames = FrameReader(MAX_MESSAGE_BYTES + 255)
        self._read: list[Frame] = []

    def frame(self) -> Frame:
        while not self._read:
            self._read += self._frames.feed(self.connection.recv(1 << 18))
        return self._read.pop(0)

    def answer(self, frame: Frame, body: bytes) -> None:
        self.connection.sendall(answer_header(frame.call, len(body)) + body)

    def echo(self, count: int) -> None:
        for _ in range(count):
            frame = self.frame()
            self.answer(frame, frame.body)


class WatchedSocket(socket.socket):
    """Tells when somebody reads, and can be interrupted like a program by Ctrl-C."""

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self.read = threading.Event()
        self.interrupted_after: int | None = None
        """Bytes that are still sent before it."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.read.set()
        return super().recv(size, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        if self.interrupted_after is None:
            return super().send(data, flags)
        if not self.interrupted_after:
            raise KeyboardInterrupt
        sent = super().send(memoryview(data)[: self.interrupted_after], flags)
        self.interrupted_after -= sent
        return sent


@pytest.fixture
def watched() -> Iterator[tuple[WatchedSocket, LaneLink, Daemon]]:
    ours, theirs = socket.socketpair()
    with WatchedSocket(ours.detach()) as connection, theirs:
        link = LaneLink(connection)
        yield connection, link, Daemon(theirs)
        link.close(Cancelled("the test is over"))


Watched = tuple[WatchedSocket, LaneLink, Daemon]


@pytest.fixture
def ends() -> Iterator[tuple[LaneLink, Daemon]]:
    ours, theirs = socket.socketpair()
    link = LaneLink(ours)
    yield link, Daemon(theirs)
    link.close(Cancelled("the test is over"))
    theirs.close()


Ends = tuple[LaneLink, Daemon]


def call(link: LaneLink, request: bytes = b"hello", timeout_s: float = 10.0) -> bytes:
    return link.wait(link.send(1, b"", request, timeout_s))


def test_a_call_is_framed_and_its_answer_found(ends: Ends) -> None:
    link, daemon = ends
    waiting = link.send(7, b"session", b"request", 2.5)
    frame = daemon.frame()
    assert (frame.kind, frame.method, frame.session_size) == (Kind.CALL, 7, 7)
    assert (frame.deadline_ms, frame.body) == (2500, b"sessionrequest")
    daemon.answer(frame, b"response")
    assert link.wait(waiting) == b"response"


def test_threads_share_the_connection_and_each_gets_its_own(ends: Ends) -> None:
    link, daemon = ends
    threads, calls = 8, 200
    serving = threading.Thread(target=daemon.echo, args=(threads * calls,))
    serving.start()

    def work(thread: int) -> None:
        for number in range(calls):
            request = f"{thread} {number}".encode()
            assert call(link, request) == request

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, thread) for thread in range(threads)]:
            done.result(60)
    serving.join(10)


def test_answers_in_any_order_reach_who_waits(ends: Ends) -> None:
    link, daemon = ends
    sent = [link.send(1, b"", bytes([number]), 10.0) for number in range(20)]
    frames = [daemon.frame() for _ in sent]
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(link.wait, waiting) for waiting in sent]
        for frame in reversed(frames):
            daemon.answer(frame, frame.body)
        assert [answer.result(10) for answer in answers] == [bytes([number]) for number in range(20)]


def test_who_reads_gives_way_to_another_when_its_answer_has_come(ends: Ends) -> None:
    link, daemon = ends
    first, second = link.send(1, b"", b"1", 10.0), link.send(1, b"", b"2", 10.0)
    frames = [daemon.frame(), daemon.frame()]
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(link.wait, first), pool.submit(link.wait, second)
        daemon.answer(frames[0], b"one")
        assert one.result(10) == b"one"
        assert not two.done()
        daemon.answer(frames[1], b"two")
        assert two.result(10) == b"two"


class Summons(threading.Event):
    """What calls a waiting thread to read. The thread ends as `end` tells, in spite of the call or before it."""

    def __init__(self, end: Callable[[], None], heeded: bool) -> None:
        super().__init__()
        self._end = end
        self._heeded = heeded

    def wait(self, timeout: float | None = None) -> bool:
        called = super().wait(10) if self._heeded else False
        self._end()
        return called


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("how", "called"), [("deadline", True), ("interrupt", True), ("interrupt", False)])
def test_who_ends_when_it_is_to_read_leaves_that_to_another(watched: Watched, how: str, called: bool) -> None:
    connection, link, daemon = watched
    first, ending, last = (link.send(1, b"", b"", 20.0) for _ in range(3))
    frames = [daemon.frame() for _ in range(3)]
    ending.wake = Summons(interrupt if how == "interrupt" else lambda: _run_out(ending), heeded=called)
    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(link.wait, first)
        assert connection.read.wait(10)
        other = pool.submit(link.wait, ending)
        three = pool.submit(link.wait, last)
        if called:
            daemon.answer(frames[0], b"one")
            assert one.result(10) == b"one"
        assert isinstance(other.exception(10), KeyboardInterrupt if how == "interrupt" else DeadlineExceeded)
        if not called:
            daemon.answer(frames[0], b"one")
            assert one.result(10) == b"one"
        daemon.answer(frames[2], b"three")
        assert three.result(5) == b"three"


def _run_out(waiting: Waiting) -> None:
    waiting.give_up_s = 0.0


@pytest.mark.parametrize("sent", [0, 1, 16, 20])
def test_an_interrupt_while_sending_leaves_no_half_of_a_frame_before_the_next(watched: Watched, sent: int) -> None:
    connection, link, daemon = watched
    earlier = link.send(1, b"", b"earlier", 10.0)
    connection.interrupted_after = sent
    with pytest.raises(KeyboardInterrupt):
        link.send(1, b"", b"request", 10.0)
    connection.interrupted_after = None
    assert link.broken
    with pytest.raises(NotSent):
        link.send(1, b"", b"next", 10.0)
    with pytest.raises(Unavailable, match="interrupted"):
        link.wait(earlier)
    assert daemon.frame().body == b"earlier"


class InterruptedWhenSet(threading.Event):
    """What is interrupted, once, is the thread that hands out the answer."""

    interrupted = False

    def set(self) -> None:
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        super().set()


def test_an_interrupt_while_answers_are_handed_out_leaves_nobody_waiting(ends: Ends) -> None:
    link, daemon = ends
    first, second = link.send(1, b"", b"1", 20.0), link.send(1, b"", b"2", 20.0)
    second.wake = InterruptedWhenSet()
    for frame in (daemon.frame(), daemon.frame())[::-1]:
        daemon.answer(frame, frame.body)
    with pytest.raises(KeyboardInterrupt):
        link.wait(first)
    with pytest.raises(Unavailable, match="interrupted"):
        link.wait(first)
    assert link.wait(second) == b"2"


def test_deadlines_hold_while_another_call_is_being_sent(ends: Ends) -> None:
    link, daemon = ends
    with ThreadPoolExecutor(2) as pool:
        earlier = link.send(1, b"", b"", 0.3)
        daemon.frame()
        large = pool.submit(link.send, 1, b"", bytes(8 << 20), 20.0)
        daemon.connection.recv(1, socket.MSG_PEEK)
        patient = pool.submit(link.send, 1, b"", b"patient", 20.0)
        began_s = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            link.wait(earlier)
        with pytest.raises(DeadlineExceeded, match="another call"):
            link.send(1, b"", b"", 0.1)
        assert time.monotonic() - began_s < 5
        assert not large.done()
        assert not patient.done()
        assert len(daemon.frame().body) == 8 << 20
        patient.result(10)
        late = daemon.frame()
        assert late.body == b"patient"
        assert 0 < late.deadline_ms < 20_000


def test_an_error_keeps_what_the_daemon_said(ends: Ends) -> None:
    link, daemon = ends
    waiting = link.send(1, b"", b"", 10.0)
    told = CallError(status="NOT_FOUND", message="no such collection", reason="GONE", field="collection", detail="x")
    daemon.connection.sendall(error_frame(daemon.frame().call, told))
    with pytest.raises(NotFound, match="no such collection") as error:
        link.wait(waiting)
    assert (error.value.reason, error.value.field, error.value.detail) == ("GONE", "collection", "x")


def test_a_call_that_takes_too_long_is_given_up_and_the_daemon_told(ends: Ends) -> None:
    link, daemon = ends
    began_s = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        call(link, timeout_s=0.1)
    assert time.monotonic() - began_s < 5
    late, cancel = daemon.frame(), daemon.frame()
    assert (cancel.kind, cancel.call) == (Kind.CANCEL, late.call)
    daemon.answer(late, b"too late")
    serving = threading.Thread(target=daemon.echo, args=(1,))
    serving.start()
    assert call(link, b"next") == b"next"
    serving.join(10)


def test_a_daemon_that_does_not_read_is_given_up(ends: Ends) -> None:
    link, _ = ends
    with pytest.raises((DeadlineExceeded, Unavailable)):
        call(link, bytes(8 << 20), timeout_s=0.2)


def test_a_message_over_the_limit_is_not_sent(ends: Ends) -> None:
    link, daemon = ends
    with pytest.raises(ResourceExhausted, match="send less"):
        call(link, bytes(MAX_MESSAGE_BYTES + 1))
    serving = threading.Thread(target=daemon.echo, args=(1,))
    serving.start()
    assert len(call(link, bytes(MAX_MESSAGE_BYTES), timeout_s=60.0)) == MAX_MESSAGE_BYTES
    serving.join(10)


def test_all_who_wait_learn_that_the_connection_is_lost(ends: Ends) -> None:
    link, daemon = ends
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(call, link) for _ in range(5)]
        for _ in waiting:
            daemon.frame()
        daemon.connection.close()
        for one in waiting:
            assert isinstance(one.exception(10), Unavailable)
    assert link.broken
    with pytest.raises(NotSent):
        link.send(1, b"", b"", 1.0)


def test_closing_fails_what_is_under_way(ends: Ends) -> None:
    link, daemon = ends
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, link)
        daemon.frame()
        link.close(Cancelled("closed"))
        assert isinstance(waiting.exception(10), Cancelled)
    link.close(Cancelled("again"))


@given(st.binary(max_size=80))
def test_whatever_a_daemon_sends_a_call_ends(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    link = LaneLink(ours)
    waiting = link.send(1, b"", b"", 5.0)
    theirs.sendall(data)
    theirs.close()
    with contextlib.suppress(InsituError):
        link.wait(waiting)
    link.close(Cancelled("over"))


def test_a_transport_connects_again_and_repeats_what_was_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "insitu.sock"
    transport = LaneTransport(path)
    with pytest.raises(DaemonNotRunning):
        transport.call(STATS, wire.CollectionStatsRequest(), session="", timeout_s=1.0)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with ThreadPoolExecutor(1) as pool:
            for examples in (3, 4):
                answer = pool.submit(transport.call, STATS, wire.CollectionStatsRequest(), session="", timeout_s=10.0)
                connection, _ = listener.accept()
                assert connection.recv(len(MAGIC)) == MAGIC
                daemon = Daemon(connection)
                daemon.answer(daemon.frame(), wire.CollectionStats(examples=examples).SerializeToString())
                assert answer.result(10).examples == examples
                connection.close()  # the next call finds it closed, and goes to another
    transport.close()
    transport.close()
    with pytest.raises(Cancelled):
        transport.call(STATS, wire.CollectionStatsRequest(), session="", timeout_s=1.0)


class MomentousPath(type(Path())):  # type: ignore[misc]
    """Something happens when it is about to be connected to."""

    happens: Callable[[], None] | None = None

    def __str__(self) -> str:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().__str__()


def test_what_is_closed_while_it_connects_stays_closed(tmp_path: Path) -> None:
    path = MomentousPath(tmp_path / "insitu.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        transport = LaneTransport(path)
        path.happens = transport.close
        with pytest.raises(Cancelled):
            transport.call(STATS, wire.CollectionStatsRequest(), session="", timeout_s=5.0)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(100) == MAGIC
            assert connection.recv(100) == b""


def test_a_path_that_no_socket_can_have_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="INSITU_HOME"):
        LaneTransport(Path("/") / ("x" * 200))
