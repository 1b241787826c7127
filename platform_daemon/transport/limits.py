"""Bounds on the calls of one socket, the same over every transport."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What a socket does at a time."""

    message_bytes: int = MAX_MESSAGE_BYTES
    concurrent_calls: int = 4096
    calls_per_connection: int = 256
    """Begun at a time. Further calls wait: over gRPC in the client, on the framed lane in the daemon."""
    calls_waiting: int = 4096
    """Of one connection of the framed lane. Further ones are refused."""
    bytes_per_connection: int = 2 * MAX_MESSAGE_BYTES
    """Of the requests that wait or are under way on one connection of the framed lane. Beyond, it is not read."""
    without_session_bytes: int = 64 << 10
    """Of one frame that carries no session, on a socket whose methods mostly need one."""
    unfinished_bytes: int = 4 * MAX_MESSAGE_BYTES
    """Of frames that have come in part, and of unread answers, of one app; of a user's processes without a session,
    their calls included. Beyond, requests are refused, but for a mebibyte of each connection."""
