"""Starts child processes from the primary, and ends them.

By exec of a fresh interpreter, never by a bare fork: gRPC's threads and locks would not survive one. A child gets
nothing but a socket, an empty working folder where it may not write, and a bare environment.
"""

import asyncio
import contextlib
import enum
import hmac
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from insitu.v1 import trainer_pb2, worker_pb2
from platform_daemon.children.channel import ChannelClosed, ChildChannel
from platform_daemon.children.framing import MAX_FRAME_BYTES, FramingError
from platform_daemon.children.process import SECRET_BYTES, ChildArguments
from platform_daemon.logs import LogEvent, marked
from platform_daemon.logs.output import ChildOutput

_logger = logging.getLogger(__name__)
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 5.0
LAST_BREATH_S = 0.02
"""For a process that has closed its channel: one that was killed needs a millisecond for the rest."""


class ChildKind(enum.Enum):
    WORKER = "platform_daemon.children.worker"
    TRAINER = "platform_daemon.children.trainer"


class ChildGone(Exception):
    """The process ended, would not start, is not the one that was started, or does not speak the protocol."""


CommandT = TypeVar("CommandT", bound=Message)
ReportT = TypeVar("ReportT", bound=Message)


class Child(Generic[CommandT, ReportT]):
    """A running child: typed messages, and its end. Belongs to the event loop."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: ChildChannel,
        report_type: type[ReportT],
        scratch: str,
        gone: type[Exception],
        output: ChildOutput,
    ) -> None:
        self.missing_protections: Sequence[str] = ()
        self._process = process
        # The pid could be another process's by the time it is used, a pidfd never.
        self._pidfd = os.pidfd_open(process.pid)
        self._channel = channel
        self._report_type = report_type
        self._scratch = scratch
        self._gone = gone
        self._output = output
        self._killed = False
        self._ending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """As subprocess has it; None while the process has not been reaped."""
        return self._process.returncode

    async def send(self, command: CommandT) -> None:
        """Waits while the child does not read; one that is cancelled was not sent. Raises the `gone` exception."""
        try:
            await self._channel.send(command.SerializeToString())
        except (ChannelClosed, FramingError) as error:
            raise self._gone(str(error)) from error

    async def receive(self) -> ReportT:
        """The next report. Raises the `gone` exception, also for bytes that are no report."""
        try:
            frame = await self._channel.receive()
            return self._report_type.FromString(frame)
        except (ChannelClosed, DecodeError) as error:
            raise self._gone(str(error)) from error

    def deliver(self, on_report: Callable[[ReportT], None], on_gone: Callable[[Exception], None]) -> None:
        """From now on hand over each report as it comes, and at the end, once, the `gone` exception. Instead of
        `receive`."""

        def on_frame(frame: bytes) -> None:
            try:
                report = self._report_type.FromString(frame)
            except DecodeError as error:
                self._channel.close(str(error))
            else:
                on_report(report)

        self._channel.deliver(on_frame, lambda why: on_gone(self._gone(why)))

    async def prove(self, secret: bytes) -> None:
        """Check that the process at the other end is the one that was started. Raises the `gone` exception."""
        try:
            await self._channel.send_bytes(secret)
            hello = worker_pb2.ChildHello.FromString(await self._channel.receive())
        except (ChannelClosed, DecodeError) as error:
            raise self._gone(f"it did not start: {error}") from error
        if not hmac.compare_digest(hello.secret, secret):
            raise self._gone("it is not the process that was started: the secret differs")
        self._output.proven(self.pid)
        _logger.debug("child started", extra=marked(LogEvent.CHILD_STARTED, role=self._output.role, pid=self.pid))
        self.missing_protections = tuple(hello.missing_protections)

    def close_channel(self) -> None:
        """Let the child end by itself, which it does whatever it is doing. Repeatable."""
        self._channel.close()

    def kill(self) -> None:
        """SIGKILL, at once. Repeatable."""
        self._killed = True
        if self._process.returncode is None and self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self) -> None:
        """Kill, reap and clean up; returns when the process is gone. Repeatable, also from several tasks."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        ordered = self._killed
        if self._channel.is_closed and not ordered:
            # It is about to end, and how it does so by itself is worth knowing.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), LAST_BREATH_S)
        ended = self._process.poll()
        self._channel.close()
        self.kill()
        # A killed process may stay in an uninterruptible call; the daemon's shutdown must not wait for that.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), END_TIMEOUT_S)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        self._output.close()
        if not ordered:
            self._note_how_it_ended(ended)
        await asyncio.to_thread(shutil.rmtree, self._scratch, True)

    def _note_how_it_ended(self, before: int | None) -> None:
        """`before` is the status that it had when the daemon ended it. One that was about to end by itself has another
        than that of being killed."""
        returncode = self._process.returncode
        if returncode and (before is not None or returncode != -signal.SIGKILL):
            role, lines = self._output.role, self._output.lines
            fields = marked(LogEvent.CHILD_ENDED, role=role, pid=self.pid, returncode=returncode, lines=lines)
            _logger.warning("child %d ended with status %d", self.pid, returncode, extra=fields)

    async def wait(self) -> int:
        """Until the process has ended; its return code, negative for a signal."""
        loop = asyncio.get_running_loop()
        if self._process.poll() is None:
            exited = asyncio.Event()
            # Watches a duplicate: several tasks may wait, and a selector takes a descriptor once.
            descriptor = os.dup(self._pidfd)
            loop.add_reader(descriptor, exited.set)
            try:
                await exited.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return self._process.wait()


Worker = Child[worker_pb2.WorkerCommand, worker_pb2.WorkerReply]
Trainer = Child[trainer_pb2.TrainerCommand, trainer_pb2.TrainerReport]


@dataclass(frozen=True, slots=True)
class Spawner:
    """Starts children. `python` and `environment` are for tests and packagers. What children print is read, and
    written to the log only with `keep_output`, because what a graph prints may hold what examples hold."""

    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    scratch_root: str | None = None
    keep_output: bool = False
    start_timeout_s: float = START_TIMEOUT_S
    max_frame_bytes: int = MAX_FRAME_BYTES

    async def worker(self, *, threads: int = 1, gone: type[Exception] = ChildGone) -> Worker:
        """Start an inference worker and check its secret. Raises `gone`."""
        return await self._start(ChildKind.WORKER, threads, worker_pb2.WorkerReply, gone)

    async def trainer(self, *, gone: type[Exception] = ChildGone) -> Trainer:
        """Start a trainer, at the lowest priority, and check its secret. Raises `gone`."""
        return await self._start(ChildKind.TRAINER, 1, trainer_pb2.TrainerReport, gone)

    async def _start(
        self, kind: ChildKind, threads: int, report_type: type[ReportT], gone: type[Exception]
    ) -> "Child[CommandT, ReportT]":
        ours, theirs = socket.socketpair()
        output = ChildOutput(kind.name.lower(), keep=self.keep_output)
        scratch = tempfile.mkdtemp(prefix="insitu-child-", dir=self.scratch_root)
        try:
            with theirs:
                # In a thread: starting a process blocks for a millisecond or more.
                process = await asyncio.to_thread(self._exec, kind, theirs.fileno(), threads, scratch)
        except OSError as error:
            ours.close()
            shutil.rmtree(scratch, ignore_errors=True)
            raise gone(f"it could not be started: {error}") from error
        channel = await ChildChannel.open(ours, self.max_frame_bytes)
        child: Child[CommandT, ReportT] = Child(process, channel, report_type, scratch, gone, output)
        try:
            assert process.stderr is not None
            await output.attach(process.stderr)
            await asyncio.wait_for(child.prove(secrets.token_bytes(SECRET_BYTES)), self.start_timeout_s)
        except BaseException as error:
            await child.end()
            output.failed(process.pid)
            if isinstance(error, TimeoutError):
                raise gone(f"it did not start within {self.start_timeout_s:g} s") from error
            raise
        return child

    def _exec(self, kind: ChildKind, fd: int, threads: int, scratch: str) -> "subprocess.Popen[bytes]":
        # -I: neither the environment nor the current folder says what is imported.
        command = [self.python, "-I", "-m", kind.value, *ChildArguments(fd, threads).to_argv()]
        return subprocess.Popen(
            command,
            pass_fds=(fd,),
            cwd=scratch,
            env={**_bare_environment(scratch), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Read by the loop; a buffer between would keep what has arrived.
            bufsize=0,
            start_new_session=True,
        )


def _bare_environment(scratch: str) -> dict[str, str]:
    return {
        "HOME": scratch,
        "LC_ALL": "C.UTF-8",
        "PATH": os.defpath,
        "TMPDIR": scratch,
        # Else its figures depend on the processor it finds.
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # One thread a model: linear algebra must not start its own.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
