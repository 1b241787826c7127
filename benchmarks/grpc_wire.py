"""Unary calls in gRPC's wire format, the least that a server needs to see (RFC 9113; HPACK by RFC 7541).

Each request is the same, so its header block is made once, of literals that enter no table. Answers are not decoded: a
call succeeded where a message came before the trailers, because an error sends trailers alone.
"""

import enum
import struct
from collections.abc import Mapping

from benchmarks.callers import CallFailed

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER_BYTES = 9
_WINDOW_BYTES = 65_535
"""A server's, for a connection and for a stream, until it says otherwise."""
_OWN_WINDOW = struct.pack(">HI", 4, (1 << 31) - 1)
"""SETTINGS_INITIAL_WINDOW_SIZE: so large that answers never have to be acknowledged."""
_CONNECTION_WINDOW = struct.pack(">I", (1 << 31) - 1 - _WINDOW_BYTES)


class _Frame(enum.IntEnum):
    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4


class GrpcWire:
    """Calls `path` with the same `request` again and again."""

    def __init__(self, path: str, request: bytes, metadata: Mapping[str, str] | None = None) -> None:
        # Indexes are those of HPACK's static table: POST 3, http 6, :path 4, :authority 1.
        headers = b"\x83\x86" + b"\x04" + _string(path) + b"\x01" + _string("localhost")
        named = {"content-type": "application/grpc", "te": "trailers", **(metadata or {})}
        self._headers = headers + b"".join(b"\x00" + _string(name) + _string(value) for name, value in named.items())
        self._message = b"\x00" + struct.pack(">I", len(request)) + request
        self._stream = -1
        self._window_bytes = _WINDOW_BYTES
        self._answered: set[int] = set()
        self._rest = b""

    def opening(self) -> bytes:
        return (
            _PREFACE
            + _frame(_Frame.SETTINGS, 0, 0, _OWN_WINDOW)
            + _frame(_Frame.WINDOW_UPDATE, 0, 0, _CONNECTION_WINDOW)
        )

    def call(self) -> bytes:
        """Raises CallFailed where the server did not say that it takes more."""
        self._stream += 2
        self._window_bytes -= len(self._message)
        if self._window_bytes < 0:
            raise CallFailed("the server's flow control window is used up")
        return _frame(_Frame.HEADERS, _END_HEADERS, self._stream, self._headers) + _frame(
            _Frame.DATA, _END_STREAM, self._stream, self._message
        )

    def receive(self, data: bytes) -> tuple[int, bytes]:
        if not data:
            raise CallFailed("the server closed the connection")
        data = self._rest + data
        position, done, owed = 0, 0, b""
        while len(data) - position >= _HEADER_BYTES:
            size = int.from_bytes(data[position : position + 3])
            end = position + _HEADER_BYTES + size
            if end > len(data):
                break
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : position + _HEADER_BYTES])
            ended, reply = self._frame(kind, flags, stream, data[position + _HEADER_BYTES : end])
            done, owed, position = done + ended, owed + reply, end
        self._rest = data[position:]
        return done, owed

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> tuple[bool, bytes]:
        """Whether the call has ended, and the reply that the frame asks for."""
        match kind:
            case _Frame.DATA:
                self._answered.add(stream)
            case _Frame.HEADERS if flags & _END_STREAM:
                if stream not in self._answered:
                    raise CallFailed(f"the server answered with an error: {payload!r}")
                self._answered.remove(stream)
                return True, b""
            case _Frame.SETTINGS | _Frame.PING if not flags & _ACK:
                return False, _frame(_Frame(kind), _ACK, 0, payload if kind == _Frame.PING else b"")
            # That of a stream is never used up by one request.
            case _Frame.WINDOW_UPDATE if stream == 0:
                self._window_bytes += int.from_bytes(payload)
            case _Frame.RST_STREAM | _Frame.GOAWAY:
                raise CallFailed(f"the server sent {_Frame(kind).name}: {payload!r}")
        return False, b""


def _frame(kind: _Frame, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def _string(text: str) -> bytes:
    """HPACK's string literal without Huffman's code; the length has a prefix of seven bits."""
    content = text.encode()
    length, most = len(content), 127
    if length < most:
        return bytes([length]) + content
    prefix = [most]
    length -= most
    while length >= 128:
        prefix.append(length % 128 + 128)
        length //= 128
    return bytes([*prefix, length]) + content
