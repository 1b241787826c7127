"""Calls over gRPC on a Unix socket. Imported when a connection is made: importing grpc takes its time."""

import socket as sockets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from client_lib.errors import (
    Cancelled,
    DaemonNotRunning,
    InsituError,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
    from_status,
)
from client_lib.locations import SOCKET_PATH_LIMIT_BYTES
from client_lib.transport import MAX_MESSAGE_BYTES, Method, Request, Response

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A local daemon is back within a second of a restart; the default backoff grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # Without this, two connections of one process would share a subchannel and its backoff.
    ("grpc.use_local_subchannel_pool", 1),
)


class GrpcTransport:
    """A channel to one Unix socket."""

    def __init__(self, socket: Path) -> None:
        """Raises InvalidArgument for a path that no socket can have."""
        size = len(str(socket).encode())
        if size > SOCKET_PATH_LIMIT_BYTES:
            raise InvalidArgument(
                f"the socket path {socket} has {size} bytes and {SOCKET_PATH_LIMIT_BYTES} is the most; "
                "set INSITU_HOME to a shorter path",
                field="socket",
            )
        self._socket = socket
        self._channel = grpc.insecure_channel(f"unix:{quote(str(socket))}", options=_OPTIONS)
        self._callables: dict[str, Any] = {}
        self._closed = False

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """See Transport.call."""
        metadata = (("insitu-session", session),) if session else ()
        try:
            response: Response = self._callable(method)(request, timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            # gRPC's own error says nothing more, in forty lines.
            raise self._translate(error) from None
        except ValueError:
            if not self._closed:
                raise
            raise Cancelled("the connection to the daemon is closed; connect again") from None
        return response

    def close(self) -> None:
        """See Transport.close."""
        self._closed = True
        self._channel.close()

    def _callable(self, method: Method[Request, Response]) -> Any:
        found = self._callables.get(method.path)
        if found is None:
            found = self._channel.unary_unary(
                method.path,
                request_serializer=method.request_type.SerializeToString,
                response_deserializer=method.response_type.FromString,
            )
            self._callables[method.path] = found
        return found

    def _translate(self, error: Any) -> InsituError:
        status = str(error.code().name)
        trailing = dict(error.trailing_metadata() or ())
        reason = trailing.get("insitu-reason")
        if status == "UNAVAILABLE" and reason is None:
            absent = _why_unreachable(self._socket)
            if absent is not None:
                return absent
        if status == "CANCELLED" and reason is None:
            if self._closed:
                return Cancelled("the connection to the daemon is closed; connect again")
            # Nothing here cancels a call: it came when the daemon had begun to shut down.
            return Unavailable("the daemon is shutting down; try again", reason="SHUTTING_DOWN")
        field, detail = trailing.get("insitu-field"), trailing.get("insitu-detail")
        return from_status(status, error.details() or status, reason=reason, field=field, detail=detail)


def _why_unreachable(socket: Path) -> InsituError | None:
    """Tell a daemon that is not there from one that is busy; gRPC calls both UNAVAILABLE. None: somebody listens."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return DaemonNotRunning(socket)
        except PermissionError:
            return PermissionDenied(f"this OS user may not use {socket}; run as the daemon's own user", reason="SOCKET")
        except OSError:
            return None
    return None
