"""A daemon's end of the framed lane whose every answer a test decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from google.protobuf.message import Message

from client_lib.lane_framing import MAGIC, Frame, FrameReader, Kind, answer_header, error_frame
from insitu.v1.lane_pb2 import CallError


class FrameServer:
    """Puts what arrives into `frames`; nothing is answered by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Nobody listens any more, and all connections are cut."""
        self.cut()
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def call(self) -> Frame:
        """The next call."""
        frame = await asyncio.wait_for(self.frames.get(), timeout=10)
        assert frame.kind == Kind.CALL
        return frame

    async def cancelled(self) -> int:
        """The call that the next frame cancels."""
        frame = await asyncio.wait_for(self.frames.get(), timeout=10)
        assert frame.kind == Kind.CANCEL
        return frame.call

    def answer(self, frame: Frame, response: Message) -> None:
        body = response.SerializeToString()
        self._writers[-1].write(answer_header(frame.call, len(body)) + body)

    def refuse(self, frame: Frame, status: str, reason: str = "", detail: str = "") -> None:
        error = CallError(status=status, message="injected", reason=reason, detail=detail)
        self._writers[-1].write(error_frame(frame.call, error))

    def send(self, data: bytes) -> None:
        self._writers[-1].write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        cutter = FrameReader(1 << 24)
        try:
            assert await reader.readexactly(len(MAGIC)) == MAGIC
            while data := await reader.read(1 << 16):
                for frame in cutter.feed(data):
                    self.frames.put_nowait(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[FrameServer]:
    server = FrameServer(folder / "lane.sock")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
