"""Calls over the framed lane, for programs with threads.

No thread of its own: of the threads that wait for answers one reads, and hands the others theirs. A program with one
thread so pays one system call for each direction of a call.
"""

import socket as sockets
import threading
import time
from pathlib import Path
from typing import Any, Generic

from client_lib.errors import InsituError, Unavailable
from client_lib.lane_framing import MAGIC
from client_lib.lane_link import LaneLink, NotSent, Waiting, response_in
from client_lib.reaching import check_path, refusal, shut
from client_lib.transport import Method, PendingCall, Request, Response

_CONNECT_TIMEOUT_S = 5.0
_BACKLOG_PAUSE_S = 0.005


class LanePendingCall(Generic[Response]):
    """See PendingCall."""

    __slots__ = ("_response_type", "_waiting", "link")

    def __init__(self, link: LaneLink, waiting: Waiting, response_type: type[Response]) -> None:
        self.link = link
        self._waiting = waiting
        self._response_type = response_type

    def result(self) -> Response:
        return response_in(self._response_type, self.link.wait(self._waiting))


class LaneTransport:
    """A connection to one Unix socket, made at the first call and again after it is lost."""

    def __init__(self, socket: Path) -> None:
        """Raises InvalidArgument for a path that no socket can have."""
        check_path(socket)
        self._socket = socket
        self._connecting = threading.Lock()
        self._link: LaneLink | None = None
        self._closed = False

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """See Transport.call."""
        return self._send(method, request, session, timeout_s).result()

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: PendingCall[Any] | None = None,
    ) -> LanePendingCall[Response] | None:
        """See Transport.start."""
        if after is None:
            return self._send(method, request, session, timeout_s)
        assert isinstance(after, LanePendingCall)
        try:
            waiting = after.link.send(method.number, session.encode(), request.SerializeToString(), timeout_s)
        except NotSent:
            return None
        return LanePendingCall(after.link, waiting, method.response_type)

    def _send(
        self, method: Method[Request, Response], request: Request, session: str, timeout_s: float
    ) -> LanePendingCall[Response]:
        message = request.SerializeToString()
        link = self._link or self._connect()
        try:
            waiting = link.send(method.number, session.encode(), message, timeout_s)
        except NotSent:
            # The daemon went away since the last call, and has seen nothing of this one.
            self._lost(link)
            link = self._connect()
            try:
                waiting = link.send(method.number, session.encode(), message, timeout_s)
            except NotSent as error:
                self._lost(link)
                raise Unavailable("the daemon closed the connection; try again") from error
        return LanePendingCall(link, waiting, method.response_type)

    def close(self) -> None:
        """See Transport.close."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            link.close(shut())

    def _connect(self) -> LaneLink:
        with self._connecting:
            if self._closed:
                raise shut()
            link = self._link
            if link is None or link.broken:
                self._link = link = LaneLink(_open(self._socket))
            if self._closed:  # meanwhile; `close` does not wait for a connection to be made
                link.close(shut())
                raise shut()
            return link

    def _lost(self, link: LaneLink) -> None:
        with self._connecting:
            if self._link is link:
                self._link = None
        link.close(Unavailable("the daemon closed the connection; try again"))


def _open(path: Path) -> sockets.socket:
    """A connection that has said what it speaks. Raises DaemonNotRunning, PermissionDenied, Unavailable."""
    connection = sockets.socket(sockets.AF_UNIX)
    gives_up_s = time.monotonic() + _CONNECT_TIMEOUT_S
    try:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        while True:
            try:
                connection.connect(str(path))
                break
            except BlockingIOError:
                # A Unix socket with a full backlog says so at once.
                if time.monotonic() >= gives_up_s:
                    raise
                time.sleep(_BACKLOG_PAUSE_S)
        connection.sendall(MAGIC)
    except OSError as error:
        connection.close()
        raise _explained(path, error) from None
    return connection


def _explained(path: Path, error: OSError) -> InsituError:
    return refusal(path, error) or Unavailable(f"the daemon at {path} takes no connection ({error}); try again")
