"""`GET /metrics` on the owner's socket, as whatever speaks HTTP asks for it."""

import asyncio
import http.client
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_daemon.errors import PermissionDenied
from platform_daemon.metrics.exposition import CONTENT_TYPE
from platform_daemon.metrics.http import HEAD_LIMIT_BYTES, MetricsOverHttp
from platform_daemon.transport import Access, ConnectionLimits, Listener, Peer, only_uid
from tests.transport.echo import EchoServicer, bytes_value, connected, echo_table, serving

TEXT = "insitu_things 1\n"


class OverUnixSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("insitu", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


async def text() -> str:
    return TEXT


def listener(path: Path, *, admit: Callable[[Peer], None] | None = None, defect: bool = False) -> Listener:
    async def broken() -> str:
        raise ValueError("canary")

    http_protocol = MetricsOverHttp(broken if defect else text, admit or only_uid(os.getuid()))
    table = echo_table(EchoServicer(), Access.OWNER)
    limits = ConnectionLimits(per_uid=2)
    return Listener(
        path, table, mode=0o600, admit=only_uid(os.getuid()), protocols=[http_protocol], connection_limits=limits
    )


def ask(path: Path, target: str = "/metrics", **headers: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    connection = OverUnixSocket(path)
    try:
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def exchanged(path: Path, request: bytes) -> bytes:
    """All that is answered until the daemon closes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        for byte in (request[:3], request[3:]):
            connection.sendall(byte)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def run(main: Callable[[Path], None], path: Path, **options: object) -> None:
    """`main` in a thread, beside a listener."""

    async def scenario() -> None:
        async with serving(listener(path, **options)):  # type: ignore[arg-type]
            await asyncio.to_thread(main, path)

    asyncio.run(scenario())


def test_metrics_are_answered(tmp_path: Path) -> None:
    def main(path: Path) -> None:
        for target in ("/metrics", "/metrics?name[]=x"):
            assert ask(path, target) == (200, CONTENT_TYPE, TEXT)

    run(main, tmp_path / "s")


@pytest.mark.parametrize("target", ["/", "/metric", "/metrics/", "*"])
def test_there_is_nothing_else(tmp_path: Path, target: str) -> None:
    run(lambda path: _same(ask(path, target)[0], 404), tmp_path / "s")


def test_the_connection_ends_with_the_answer_and_counts_no_more(tmp_path: Path) -> None:
    def main(path: Path) -> None:
        request = b"GET /metrics HTTP/1.1\r\nHost: insitu\r\n\r\n"
        for _ in range(10):
            head, _, body = exchanged(path, request + request).partition(b"\r\n\r\n")
            assert b"Connection: close" in head
            assert body == TEXT.encode()

    run(main, tmp_path / "s")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"400"),
        (b"GET  HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (HEAD_LIMIT_BYTES + 1), b"431"),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, request_bytes: bytes, status: bytes) -> None:
    run(lambda path: _same(exchanged(path, request_bytes).split(b" ")[1], status), tmp_path / "s")


def test_other_methods_are_not_http_here(tmp_path: Path) -> None:
    run(lambda path: _same(exchanged(path, b"POST /metrics HTTP/1.1\r\n\r\n"), b""), tmp_path / "s")


def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    def nobody(peer: Peer) -> None:
        raise PermissionDenied("only user 4242 may use this socket: run the command as that user")

    def main(path: Path) -> None:
        status, _, body = ask(path)
        assert status == 403
        assert "4242" in body

    run(main, tmp_path / "s", admit=nobody)


def test_a_defect_is_answered_with_its_number_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def main(path: Path) -> None:
        status, _, body = ask(path)
        assert status == 500
        assert "look for" in body
        assert "canary" not in body + caplog.text

    run(main, tmp_path / "s", defect=True)


def test_calls_go_on_beside_it_and_a_full_socket_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def scenario() -> None:
        async with serving(listener(path)), connected(path) as first, connected(path) as second:
            assert (await first.call("Say", bytes_value(b"x"))).code == "OK"
            assert (await asyncio.to_thread(ask, path))[0] == 200
            assert (await second.call("Say", bytes_value(b"x"))).code == "OK"
            assert (await asyncio.to_thread(ask, path))[0] == 503

    asyncio.run(scenario())


def _same(found: object, wanted: object) -> None:
    assert found == wanted
