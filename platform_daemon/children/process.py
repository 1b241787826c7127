"""How a child process begins: confined, then proven to be the one that the primary started."""

import os
import socket
import sys
import threading
from dataclasses import dataclass

from insitu.v1 import worker_pb2
from platform_daemon.children.framing import BlockingChannel
from platform_daemon.sandbox import confine_child

SECRET_BYTES = 32
"""The first bytes on the channel, before any frame; ChildHello returns them."""


@dataclass(frozen=True, slots=True)
class ChildArguments:
    """What the command line carries. Nothing of it is secret."""

    fd: int
    threads: int = 1

    def to_argv(self) -> list[str]:
        return [str(self.fd), str(self.threads)]

    @classmethod
    def from_argv(cls, argv: list[str]) -> "ChildArguments":
        return cls(*(int(argument) for argument in argv))


def begin(arguments: ChildArguments, *, trainer: bool) -> BlockingChannel:
    """Give up what a child must not have, say hello, and return the channel to the primary.

    Called before NumPy or an engine is imported: their threads are to be confined too, and the primary can go on
    sending meanwhile. From here on the process ends when the primary closes the channel, even if a graph hangs.
    """
    missing = confine_child(trainer=trainer)
    channel = BlockingChannel(socket.socket(fileno=arguments.fd))
    secret = channel.read_exactly(SECRET_BYTES)
    channel.send(worker_pb2.ChildHello(secret=secret, missing_protections=missing).SerializeToString())
    threading.Thread(target=_end_with_primary, args=(channel,), name="primary", daemon=True).start()
    return channel


def _end_with_primary(channel: BlockingChannel) -> None:
    channel.wait_for_hangup()
    # Not sys.exit: other threads may be inside a graph that never returns. There is nothing to save.
    os._exit(0)


def arguments() -> ChildArguments:
    """From this process's command line."""
    return ChildArguments.from_argv(sys.argv[1:])
