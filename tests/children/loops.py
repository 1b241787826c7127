"""Runs the children's loops in threads of this process, over real socket pairs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from google.protobuf.message import Message

from insitu.v1 import trainer_pb2, worker_pb2
from platform_daemon.children.framing import BlockingChannel
from platform_daemon.children.trainer_loop import TrainerLoop
from platform_daemon.children.worker_loop import WorkerLoop
from tests.engines.numpy_engine import registry

ReportT = TypeVar("ReportT", bound=Message)


class Peer(Generic[ReportT]):
    """The primary's end, blocking."""

    def __init__(self, end: socket.socket, report_type: type[ReportT]) -> None:
        self._channel = BlockingChannel(end)
        self._report_type = report_type

    def send(self, *commands: Message) -> None:
        for command in commands:
            self._channel.send(command.SerializeToString())

    def receive(self) -> ReportT:
        frame = self._channel.receive()
        assert frame is not None
        return self._report_type.FromString(frame)

    def ask(self, command: Message) -> ReportT:
        self.send(command)
        return self.receive()


@contextmanager
def worker(threads: int = 1, max_frame_bytes: int = 1 << 20) -> Iterator[Peer[worker_pb2.WorkerReply]]:
    ours, theirs = socket.socketpair()
    loop = WorkerLoop(BlockingChannel(theirs, max_frame_bytes), registry())
    thread = threading.Thread(target=loop.serve, args=(threads,))
    thread.start()
    with ours:
        yield Peer(ours, worker_pb2.WorkerReply)
    thread.join()
    theirs.close()


@contextmanager
def trainer() -> Iterator[Peer[trainer_pb2.TrainerReport]]:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=TrainerLoop(BlockingChannel(theirs), registry()).serve)
    thread.start()
    with ours:
        yield Peer(ours, trainer_pb2.TrainerReport)
    thread.join()
    theirs.close()
