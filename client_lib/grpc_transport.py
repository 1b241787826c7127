"""Calls over gRPC on a Unix socket. Imported when a connection is made: importing grpc takes its time."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from client_lib.errors import InsituError, Unavailable, from_status
from client_lib.reaching import check_path, shut, why_unreachable
from client_lib.transport import MAX_MESSAGE_BYTES, Method, PendingCall, Request, Response

OPTIONS = (
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
        self._channel = grpc.insecure_channel(target_of(socket), options=OPTIONS)
        self._socket = socket
        self._callables: dict[str, Any] = {}
        self._closed = False

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """See Transport.call."""
        try:
            # Unlike a future, this needs no other thread.
            response: Response = self._callable(method)(request, timeout=timeout_s, metadata=metadata_of(session))
        except grpc.RpcError as error:
            # gRPC's own error says nothing more, in forty lines.
            raise self._translate(error) from None
        except ValueError:
            if not self._closed:
                raise
            raise shut() from None
        return response

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: PendingCall[Any] | None = None,
    ) -> None:
        """See Transport.start. gRPC begins the calls of a connection in any order, and reconnects in between."""

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
        return translate(error, self._socket, closed=self._closed)


def target_of(socket: Path) -> str:
    """The socket as gRPC names it. Raises InvalidArgument for a path that no socket can have."""
    check_path(socket)
    return f"unix:{quote(str(socket))}"


def translate(error: Any, socket: Path, *, closed: bool) -> InsituError:
    """What a `grpc.RpcError` of this connection means. `closed`: the app has closed it."""
    status = str(error.code().name)
    trailing = dict(error.trailing_metadata() or ())
    reason = trailing.get("insitu-reason")
    if status == "UNAVAILABLE" and reason is None:
        absent = why_unreachable(socket)
        if absent is not None:
            return absent
    if status == "CANCELLED" and reason is None:
        if closed:
            return shut()
        # Nothing here cancels a call: it came when the daemon had begun to shut down.
        return Unavailable("the daemon is shutting down; try again", reason="SHUTTING_DOWN")
    field, detail = trailing.get("insitu-field"), trailing.get("insitu-detail")
    return from_status(status, error.details() or status, reason=reason, field=field, detail=detail)


def metadata_of(session: str) -> tuple[tuple[str, str], ...]:
    return (("insitu-session", session),) if session else ()
