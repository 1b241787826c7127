"""What the framed lane does beyond the calls' contract: malformed frames, order, bounds, cancelling."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from google.protobuf import wrappers_pb2

from client_lib.lane_framing import HEADER, MAGIC, Frame, FrameReader, Kind, call_frame, cancel_frame
from insitu.v1.lane_pb2 import CallError
from platform_daemon.transport import CallContext, CallLimits, Listener
from platform_daemon.transport.lane_connection import MOST_IDLE_FRAMES
from tests.transport.echo import SESSION, EchoServicer, bytes_value, echo_table, serving

SAY, WAIT_FOREVER, WAIT_FOR_RELEASE = 1, 3, 7
Script = Callable[["RawLane", "NotingServicer"], Awaitable[None]]


class NotingServicer(EchoServicer):
    """Notes in which order calls begin."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[bytes] = []
        self.grows_to = 0

    async def say(self, request: wrappers_pb2.BytesValue, context: CallContext) -> wrappers_pb2.BytesValue:
        self.begun.append(request.value)
        return wrappers_pb2.BytesValue(value=request.value.ljust(self.grows_to))


class RawLane:
    """A connection on which a test writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._frames = FrameReader(64 << 20)
        self._read: list[Frame] = []

    def call(self, method: int, number: int, payload: bytes = b"", deadline_ms: int = 0) -> None:
        self.writer.write(call_frame(method, number, SESSION.encode(), bytes_value(payload), deadline_ms))

    async def frame(self) -> Frame:
        while not self._read:
            data = await asyncio.wait_for(self._reader.read(1 << 18), 10)
            assert data, "the connection ended"
            self._read += self._frames.feed(data)
        return self._read.pop(0)

    async def error(self) -> CallError:
        frame = await self.frame()
        assert frame.kind == Kind.ERROR
        return CallError.FromString(frame.body)

    async def hangs_up(self) -> bool:
        """Whatever is answered before."""
        try:
            while await asyncio.wait_for(self._reader.read(1 << 18), 10):
                pass
        except ConnectionResetError:
            return True
        return True

    async def ends(self) -> bool:
        try:
            return not await asyncio.wait_for(self._reader.read(1), 10)
        except ConnectionResetError:
            return True


def run(tmp_path: Path, script: Script, limits: CallLimits | None = None) -> None:
    async def main() -> None:
        servicer, path = NotingServicer(), tmp_path / "insitu.sock"
        async with serving(Listener(path, echo_table(servicer), mode=0o600, call_limits=limits)):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(MAGIC)
            await script(RawLane(reader, writer), servicer)
            writer.close()

    asyncio.run(main())


def test_calls_begin_in_the_order_of_their_frames(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        sent = [str(number).encode() for number in range(2000)]
        for number, payload in enumerate(sent):
            lane.call(SAY, number, payload)
        for _ in sent:
            assert (await lane.frame()).kind == Kind.ANSWER
        assert servicer.begun == sent

    run(tmp_path, script)


@pytest.mark.parametrize(
    "frame",
    [
        HEADER.pack(0, 9, 0, 0, 0, 0),
        HEADER.pack(0, Kind.ANSWER, 0, 0, 1, 0),
        HEADER.pack(0, Kind.ERROR, 0, 0, 1, 0),
    ],
)
def test_who_writes_no_frames_of_a_client_is_hung_up_on(tmp_path: Path, frame: bytes) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.writer.write(frame)
        assert await lane.ends()

    run(tmp_path, script)


def test_a_call_that_makes_no_sense_is_refused_alone(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.writer.write(HEADER.pack(3, Kind.CALL, 200, SAY, 1, 0) + b"abc")
        assert (await lane.error()).reason == "MALFORMED"
        lane.call(4711, 2)
        assert (await lane.error()).status == "UNIMPLEMENTED"
        lane.call(WAIT_FOREVER, 3)
        lane.call(SAY, 3)
        again = await lane.error()
        assert (again.status, again.reason) == ("INVALID_ARGUMENT", "MALFORMED")
        lane.call(SAY, 4, b"still here")
        frame = await lane.frame()
        assert (frame.kind, frame.call) == (Kind.ANSWER, 4)

    run(tmp_path, script)


def test_a_message_over_the_limit_is_refused_before_it_has_come(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.writer.write(HEADER.pack(1 << 31, Kind.CALL, 0, SAY, 1, 0))
        error = await lane.error()
        assert (error.status, error.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        lane.writer.write(bytes(1 << 20))

    run(tmp_path, script)


def test_further_calls_wait_for_their_turn_and_beyond_that_are_refused(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        for number in range(1, 8):
            lane.call(WAIT_FOR_RELEASE, number)
        error = await lane.error()
        assert (error.status, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS")
        servicer.released.set()
        assert [(await lane.frame()).call for _ in range(6)] == [1, 2, 3, 4, 5, 6]

    run(tmp_path, script, CallLimits(calls_per_connection=2, calls_waiting=4))


def test_calls_that_wait_can_be_cancelled_and_expire(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.call(WAIT_FOR_RELEASE, 1)
        lane.call(SAY, 2, b"cancelled")
        lane.call(SAY, 3, b"expired", deadline_ms=50)
        lane.call(SAY, 4, b"last")
        lane.writer.write(cancel_frame(2) + cancel_frame(99))
        error = await lane.error()
        assert error.status == "DEADLINE_EXCEEDED"
        servicer.released.set()
        assert [(await lane.frame()).call for _ in range(2)] == [1, 4]
        assert servicer.begun == [b"last"]

    run(tmp_path, script, CallLimits(calls_per_connection=1))


def test_a_call_that_is_cancelled_in_the_same_breath_leaves_nothing_behind(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        for number in range(500):
            frame = call_frame(WAIT_FOREVER, number, SESSION.encode(), bytes_value(b""), 0)
            lane.writer.write(frame + cancel_frame(number))
        lane.call(SAY, 500, b"there is room")
        answer = await lane.frame()
        assert (answer.kind, answer.body) == (Kind.ANSWER, bytes_value(b"there is room"))

    run(tmp_path, script, CallLimits(calls_per_connection=1))


@pytest.mark.parametrize(
    "idle",
    [
        HEADER.pack(0, Kind.CALL, 0, 4711, 1, 0),
        HEADER.pack(0, Kind.CANCEL, 0, 0, 1, 0),
        call_frame(WAIT_FOREVER, 1, SESSION.encode(), bytes_value(b""), 0) + cancel_frame(1),
    ],
    ids=["unknown methods", "cancels", "calls that are cancelled at once"],
)
def test_who_sends_nothing_but_idle_frames_is_hung_up_on(tmp_path: Path, idle: bytes) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.writer.write(idle * (2 * MOST_IDLE_FRAMES))
        assert await lane.hangs_up()

    run(tmp_path, script)


def test_idle_frames_among_calls_are_forgiven(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        for number in range(2 * MOST_IDLE_FRAMES):
            lane.call(SAY, number)
            lane.writer.write(cancel_frame(1 << 20))
            assert (await lane.frame()).kind == Kind.ANSWER

    run(tmp_path, script)


def test_who_does_not_read_is_not_read(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        payload, sent = bytes(1 << 20), 40
        writing = asyncio.ensure_future(_write_all(lane, payload, sent))
        await servicer_rests(servicer)
        assert len(servicer.begun) < sent // 2
        for _ in range(sent):
            assert len((await lane.frame()).body) > len(payload)
        await writing
        assert len(servicer.begun) == sent

    run(tmp_path, script, CallLimits(bytes_per_connection=4 << 20))


def test_small_calls_with_large_answers_are_begun_as_the_answers_are_read(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        servicer.grows_to = 256 << 10
        transport = lane.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        sent = 2000
        for number in range(sent):
            lane.call(SAY, number)
        await servicer_rests(servicer)
        assert len(servicer.begun) <= 300
        transport.resume_reading()
        kinds = Counter([(await lane.frame()).kind for _ in range(sent)])
        assert kinds[Kind.ANSWER] > sent - 300
        lane.call(SAY, sent, b"still here")
        assert (await lane.frame()).call == sent

    run(tmp_path, script)


def test_answers_that_nobody_reads_are_refused_beyond_two_of_the_largest(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        servicer.grows_to = 60 << 10
        transport = lane.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        sent = 200
        for number in range(sent):
            lane.call(SAY, number)
        await servicer_rests(servicer)
        transport.resume_reading()
        answers = [await lane.frame() for _ in range(sent)]
        refused = [CallError.FromString(one.body) for one in answers if one.kind == Kind.ERROR]
        assert {(error.status, error.reason) for error in refused} == {("RESOURCE_EXHAUSTED", "TOO_MANY_BYTES")}
        assert 0 < len(refused) < sent

    run(tmp_path, script, CallLimits(message_bytes=64 << 10))


def test_without_a_session_large_requests_are_not_held(tmp_path: Path) -> None:
    async def script(lane: RawLane, servicer: NotingServicer) -> None:
        lane.writer.write(call_frame(SAY, 1, b"", bytes(70_000), 0))
        error = await lane.error()
        assert (error.status, error.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        assert "without a session" in error.message
        lane.call(SAY, 2, bytes(70_000))
        assert (await lane.frame()).call == 2

    run(tmp_path, script)


@pytest.mark.parametrize(("session", "known"), [(b"no-such-session", False), (SESSION.encode(), True)])
def test_unfinished_frames_are_bounded_for_all_connections_together(
    tmp_path: Path, session: bytes, known: bool
) -> None:
    async def main() -> None:
        path, limits = tmp_path / "insitu.sock", CallLimits(unfinished_bytes=7 << 20)
        frame = call_frame(SAY, 2, session, bytes_value(bytes(4 << 20)), 0)
        async with serving(Listener(path, echo_table(NotingServicer()), mode=0o600, call_limits=limits)):
            lanes = [await _opened(path, session=known) for _ in range(6)]
            for number, lane in enumerate(lanes):
                lane.writer.write(frame[: 3 << 20])
                await lane.writer.drain()
                if number > 1:
                    assert (await lane.error()).reason == "TOO_MANY_BYTES"
            for number, lane in enumerate(lanes):
                lane.writer.write(frame[3 << 20 :])
                lane.writer.write(call_frame(SAY, 3, session, bytes_value(b"small"), 0))
                answers = {(answer := await lane.frame()).call: answer.kind for _ in range(2 if number < 2 else 1)}
                expected = Kind.ANSWER if known else Kind.ERROR
                assert answers == ({2: expected, 3: expected} if number < 2 else {3: expected})
                lane.writer.close()

    asyncio.run(main())


async def _opened(path: Path, *, session: bool) -> RawLane:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(MAGIC)
    lane = RawLane(reader, writer)
    if session:
        lane.call(SAY, 1)
        assert (await lane.frame()).kind == Kind.ANSWER
    return lane


async def _write_all(lane: RawLane, payload: bytes, count: int) -> None:
    for number in range(count):
        lane.call(SAY, number, payload)
        await lane.writer.drain()


async def servicer_rests(servicer: NotingServicer) -> None:
    """Until no further call has begun for many turns of the loop."""
    before, calm = -1, 0
    while calm < 2000:
        await asyncio.sleep(0)
        calm = calm + 1 if len(servicer.begun) == before else 0
        before = len(servicer.begun)


def test_closing_lets_calls_finish_and_tells_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        servicer, path = NotingServicer(), tmp_path / "insitu.sock"
        listener = Listener(path, echo_table(servicer), mode=0o600)
        await listener.start()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(MAGIC)
        lane = RawLane(reader, writer)
        lane.call(WAIT_FOREVER, 1)
        lane.call(WAIT_FOR_RELEASE, 2)
        await servicer.waiting.wait()
        closing = asyncio.ensure_future(listener.close(grace_s=0.3))
        await asyncio.sleep(0)
        lane.call(SAY, 3)
        error = await lane.error()
        assert (error.status, error.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
        servicer.released.set()
        assert ((await lane.frame()).kind, (await lane.frame()).kind) == (Kind.ANSWER, Kind.ERROR)
        assert await lane.ends()
        await closing
        writer.close()

    asyncio.run(main())
