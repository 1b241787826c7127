"""A service of its own for the transport's tests, and a client for each transport that serves it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from client_lib.lane_framing import MAGIC, Frame, FrameReader, Kind, call_frame, cancel_frame, number_of
from insitu.v1.lane_pb2 import CallError, lane_number
from platform_daemon.errors import BY_STATUS, Unauthenticated
from platform_daemon.transport import Access, CallContext, Enclave, Listener, MethodTable, Peer

SESSION = "good-session"
ENCLAVE = Enclave(7, "com.example.echo", 1000)
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.use_local_subchannel_pool", 1),  # else channels to one path share a connection
)

_LANE_NUMBER: Any = lane_number  # a plain descriptor in the stubs


def _service() -> ServiceDescriptor:
    file = descriptor_pb2.FileDescriptorProto(
        name="insitu_test/echo.proto",
        package="insitu.test",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto", "insitu/v1/lane.proto"],
    )
    service = file.service.add(name="Echo")
    for number, name in enumerate(
        ("Say", "FailWith", "WaitForever", "TellCaller", "TellDeadline", "Crash", "WaitForRelease"), 1
    ):
        kind = (
            ".google.protobuf.StringValue"
            if name in ("FailWith", "TellCaller", "Crash")
            else ".google.protobuf.BytesValue"
        )
        method = service.method.add(name=name, input_type=kind, output_type=kind)
        method.options.Extensions[_LANE_NUMBER] = number
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("insitu.test.Echo")


SERVICE = _service()


class LowerError(Exception):
    """An error of a package below the daemon."""

    status = "DATA_LOSS"
    reason = "BAD_BLOB"


class EchoServicer:
    """Answers, fails or waits as the request says."""

    def __init__(self) -> None:
        self.begun_to_wait = 0
        self.waiting = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.deadline_s: float | None = None

    async def say(self, request: wrappers_pb2.BytesValue, context: CallContext) -> Message:
        return request

    async def fail_with(self, request: wrappers_pb2.StringValue, context: CallContext) -> Message:
        raise BY_STATUS[request.value]("it is wrong: mend it", reason="A_REASON", field="options.fëld", detail="4711")

    async def wait_forever(self, request: wrappers_pb2.BytesValue, context: CallContext) -> Message:
        self.begun_to_wait += 1
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def wait_for_release(self, request: wrappers_pb2.BytesValue, context: CallContext) -> Message:
        self.waiting.set()
        await self.released.wait()
        return request

    async def tell_caller(self, request: wrappers_pb2.StringValue, context: CallContext) -> Message:
        assert context.enclave == ENCLAVE
        return wrappers_pb2.StringValue(value=f"{context.peer.uid} {context.peer.pid} {context.peer.connection}")

    async def tell_deadline(self, request: wrappers_pb2.BytesValue, context: CallContext) -> Message:
        self.deadline_s = context.deadline_s
        return request

    async def crash(self, request: wrappers_pb2.StringValue, context: CallContext) -> Message:
        if request.value == "lower":
            raise LowerError("blob 4 is cut short")
        if request.value == "disk":
            raise OSError(28, "No space left on device")
        raise ValueError(f"cannot use {request.value}")


def check_session(session: str, peer: Peer) -> Enclave:
    if session != SESSION:
        raise Unauthenticated("no such session: open one", reason="NO_SESSION")
    return ENCLAVE


def echo_table(servicer: EchoServicer, access: Access = Access.SESSION) -> MethodTable:
    table = MethodTable(check_session)
    table.add_service(SERVICE, servicer, access)
    return table


@dataclass(frozen=True)
class Answer:
    """What any transport tells its client. `code` is a gRPC status name."""

    code: str
    payload: bytes = b""
    message: str = ""
    reason: str = ""
    field: str = ""
    detail: str = ""
    details: bytes = b""


class Client(Protocol):
    """Raw calls over one transport."""

    async def call(
        self,
        method: str,
        payload: bytes,
        *,
        session: str = SESSION,
        timeout_s: float = 20.0,
        service: str = "insitu.test.Echo",
    ) -> Answer:
        """A call whose task is cancelled is cancelled in the daemon too."""
        ...

    async def close(self) -> None: ...


class GrpcClient:
    """Over gRPC."""

    def __init__(self, path: Path) -> None:
        self.channel = grpc.aio.insecure_channel(f"unix:{quote(str(path))}", options=CHANNEL_OPTIONS)

    async def call(
        self,
        method: str,
        payload: bytes,
        *,
        session: str = SESSION,
        timeout_s: float = 20.0,
        service: str = "insitu.test.Echo",
    ) -> Answer:
        call = self.channel.unary_unary(f"/{service}/{method}")
        try:
            response = await call(payload, timeout=timeout_s, metadata=(("insitu-session", session),))
        except grpc.aio.AioRpcError as error:
            trailing = dict(error.trailing_metadata() or ())
            return Answer(
                error.code().name,
                message=error.details() or "",
                reason=str(trailing.get("insitu-reason", "")),
                field=str(trailing.get("insitu-field", "")),
                detail=str(trailing.get("insitu-detail", "")),
                details=trailing.get("grpc-status-details-bin", b""),
            )
        return Answer("OK", response)

    async def close(self) -> None:
        await self.channel.close()


class LaneClient:
    """Over the framed lane."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connecting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._last = 0
        self.frames: list[Frame] = []
        """All that came, in order."""

    async def connect(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._reader is not None:
                return self._writer
            reader, self._writer = await asyncio.open_unix_connection(self._path)
            self._writer.write(MAGIC)
            self._reader = asyncio.create_task(self._read(reader))
        return self._writer

    async def call(
        self,
        method: str,
        payload: bytes,
        *,
        session: str = SESSION,
        timeout_s: float = 20.0,
        service: str = "insitu.test.Echo",
    ) -> Answer:
        known = SERVICE.methods_by_name.get(method) if service == SERVICE.full_name else None
        writer = await self.connect()
        self._last += 1
        number = self._last
        self._answers[number] = asyncio.get_running_loop().create_future()
        lane_number = number_of(known) if known else 999
        writer.write(call_frame(lane_number, number, session.encode(), payload, int(timeout_s * 1000)))
        try:
            return await self._answers[number]
        except asyncio.CancelledError:
            writer.write(cancel_frame(number))
            raise

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader(64 << 20)
        while data := await reader.read(1 << 18):
            for frame in frames.feed(data):
                self.frames.append(frame)
                answer = self._answers.get(frame.call)
                if answer is not None and not answer.done():
                    answer.set_result(_answer(frame))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(Answer("UNAVAILABLE", message="the connection ended"))


def _answer(frame: Frame) -> Answer:
    if frame.kind == Kind.ANSWER:
        return Answer("OK", frame.body)
    told = CallError.FromString(frame.body)
    return Answer(told.status, message=told.message, reason=told.reason, field=told.field, detail=told.detail)


CLIENTS: dict[str, Callable[[Path], Client]] = {"grpc": GrpcClient, "lane": LaneClient}
"""Every transport of the public socket, by name."""


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[GrpcClient]:
    client = GrpcClient(path)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def connected_over(transport: str, path: Path) -> AsyncIterator[Client]:
    client = CLIENTS[transport](path)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def serving(listener: Listener) -> AsyncIterator[Listener]:
    await listener.start()
    try:
        yield listener
    finally:
        await listener.close(grace_s=0.0)


def bytes_value(payload: bytes) -> bytes:
    return wrappers_pb2.BytesValue(value=payload).SerializeToString()


def string_value(text: str) -> bytes:
    return wrappers_pb2.StringValue(value=text).SerializeToString()
