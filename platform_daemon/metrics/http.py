"""`GET /metrics` on the owner's socket, for `curl --unix-socket` and whatever relays to Prometheus.

HTTP/1.1 as far as that takes: one request a connection, no body, a bounded head (RFC 9112).
"""

import asyncio
from collections.abc import Awaitable, Callable

from platform_daemon.errors import DaemonError
from platform_daemon.metrics.exposition import CONTENT_TYPE
from platform_daemon.transport.acceptor import Arrival
from platform_daemon.transport.guard import Admit
from platform_daemon.transport.status import as_daemon_error

HEAD_LIMIT_BYTES = 8192
ANSWER_WITHIN_S = 30.0
_END = b"\r\n\r\n"


class MetricsOverHttp:
    """A protocol of the acceptor (see `WireProtocol`). `text` makes what is answered."""

    magic = b"GET "

    def __init__(self, text: Callable[[], Awaitable[str]], admit: Admit) -> None:
        self._text = text
        self._admit = admit

    async def serve(self, arrival: Arrival) -> None:
        try:
            self._admit(arrival.peer)
        except DaemonError as error:
            refusal: DaemonError | None = error
        else:
            refusal = arrival.refusal
        exchange = _Exchange(arrival, self._text, refusal)
        arrival.transport.set_protocol(exchange)
        exchange.data_received(arrival.first)
        if not arrival.transport.is_closing():
            arrival.transport.resume_reading()


class _Exchange(asyncio.Protocol):
    """One request and its answer; then the connection is closed."""

    def __init__(self, arrival: Arrival, text: Callable[[], Awaitable[str]], refusal: DaemonError | None) -> None:
        self._arrival = arrival
        self._text = text
        self._refusal = refusal
        self._head = b""
        self._answering: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, arrival.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._answering is not None:
            return
        self._head += data
        if _END in self._head or len(self._head) > HEAD_LIMIT_BYTES:
            self._answering = asyncio.get_running_loop().create_task(self._answer())

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        if self._answering is not None:
            self._answering.cancel()
        self._arrival.ended()

    async def _answer(self) -> None:
        status, body = await self._outcome()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self._arrival.transport.write(head.encode("ascii") + body)
        self._arrival.transport.close()

    async def _outcome(self) -> tuple[str, bytes]:
        if self._refusal is not None:
            status = "403 Forbidden" if self._refusal.status == "PERMISSION_DENIED" else "503 Service Unavailable"
            return status, f"{self._refusal.message}\n".encode()
        if _END not in self._head:
            return "431 Request Header Fields Too Large", b"the request's head is too long: send fewer headers\n"
        target, _, version = self._head.partition(b"\r\n")[0].removeprefix(b"GET ").partition(b" ")
        if not version.startswith(b"HTTP/1."):
            return "400 Bad Request", b"this is not HTTP/1.1: ask as `curl --unix-socket` does\n"
        if target.partition(b"?")[0] != b"/metrics":
            return "404 Not Found", b"there is only /metrics\n"
        try:
            return "200 OK", (await self._text()).encode()
        except Exception as error:  # noqa: BLE001 - a defect gets an answer and a line in the log
            return "500 Internal Server Error", f"{as_daemon_error(error, 'GET /metrics').message}\n".encode()
