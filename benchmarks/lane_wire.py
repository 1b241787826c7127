"""Calls over the framed lane without the client library: serialized messages in and out."""

import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.callers import CallFailed
from benchmarks.servers import p50_us
from client_lib.lane_framing import MAGIC, FrameReader, Kind, call_frame
from insitu.v1.lane_pb2 import CallError

_MAX_BODY_BYTES = 16 << 20
_RECEIVE_BYTES = 1 << 18
_NO_DEADLINE = 0


class LaneWire:
    """Calls the method of that number with the same `request` again and again."""

    def __init__(self, method: int, request: bytes, session: str) -> None:
        self._method = method
        self._request = request
        self._session = session.encode()
        self._calls = 0
        self._frames = FrameReader(_MAX_BODY_BYTES)

    def opening(self) -> bytes:
        return MAGIC

    def call(self) -> bytes:
        self._calls += 1
        return call_frame(self._method, self._calls, self._session, self._request, _NO_DEADLINE)

    def receive(self, data: bytes) -> tuple[int, bytes]:
        return len(_answers(self._frames, data)), b""


class LaneCaller(closing["LaneCaller"]):
    """One method over a connection of its own, one call after another."""

    def __init__(self, path: Path, method: int, session: str) -> None:
        super().__init__(self)
        self._method = method
        self._session = session.encode()
        self._frames = FrameReader(_MAX_BODY_BYTES)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.sendall(MAGIC)

    def __call__(self, request: bytes) -> bytes:
        """Raises CallFailed."""
        self._socket.sendall(call_frame(self._method, 1, self._session, request, _NO_DEADLINE))
        while not (answers := _answers(self._frames, self._socket.recv(_RECEIVE_BYTES))):
            pass
        return answers[0]

    def p50_us(self, requests: Sequence[bytes]) -> float:
        """Half of the calls, made one after another, took less."""
        return p50_us(self, requests)

    def close(self) -> None:
        self._socket.close()


def _answers(frames: FrameReader, data: bytes) -> list[bytes]:
    if not data:
        raise CallFailed("the daemon closed the connection")
    answers = []
    for frame in frames.feed(data):
        if frame.kind != Kind.ANSWER:
            raise CallFailed(f"the daemon answered with an error: {CallError.FromString(frame.body).message}")
        answers.append(frame.body)
    return answers
