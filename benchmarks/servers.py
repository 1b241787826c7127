"""Server processes under measurement: how soon they answer, and calls to them without the client library."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import grpc

from benchmarks.sockets import await_listener

ROOT = Path(__file__).parents[1]
ECHO = "/bare.Bare/Echo"
END_TIMEOUT_S = 20.0
Request = TypeVar("Request")
_CALL_TIMEOUT_S = 30.0
_OPTIONS = (
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    # A channel of its own for each server, though paths repeat.
    ("grpc.use_local_subchannel_pool", 1),
)


class Caller:
    """One method of a server on a Unix socket, or at an address on the network; bytes in and out."""

    def __init__(self, server: Path | str, method: str, session: str = "") -> None:
        target = f"unix:{server}" if isinstance(server, Path) else server
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self._call = self._channel.unary_unary(method, request_serializer=None, response_deserializer=None)
        self._metadata = (("insitu-session", session),) if session else ()

    def __call__(self, request: bytes) -> bytes:
        response: bytes = self._call(request, timeout=_CALL_TIMEOUT_S, metadata=self._metadata)
        return response

    def p50_us(self, requests: Sequence[bytes]) -> float:
        """Half of the calls, made one after another, took less."""
        return p50_us(self, requests)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def p50_us(call: Callable[[Request], object], requests: Iterable[Request]) -> float:
    """Half of the calls, made one after another, took less."""
    taken = []
    for request in requests:
        started_s = time.perf_counter()
        call(request)
        taken.append(time.perf_counter() - started_s)
    return statistics.median(taken) * 1e6


@contextmanager
def serving(
    command: Sequence[str], python: Path = Path(sys.executable), folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server's process: `python COMMAND`, in `folder`. Ended in the end, with what it started."""
    process = subprocess.Popen(
        [python, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_TIMEOUT_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def echo_server(folder: Path) -> Iterator[Path]:
    """The bare reference server; yields its socket when it takes connections."""
    socket = folder / "echo.sock"
    with serving(echo_command(socket)):
        await_listener(socket)
        yield socket


def echo_command(socket: Path) -> list[str]:
    return ["-m", "benchmarks.references.echo_server", str(socket)]
