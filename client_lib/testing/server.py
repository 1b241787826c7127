"""A device in memory behind real sockets, by the framed lane."""

import socket as sockets
import threading
from contextlib import suppress
from pathlib import Path

from client_lib.errors import InsituError
from client_lib.lane_framing import MAGIC, Frame, FrameReader, FramingError, Kind, answer_header, error_frame
from client_lib.locations import locate
from client_lib.testing.daemon import MemoryDaemon
from client_lib.transport import MAX_MESSAGE_BYTES
from insitu.v1.lane_pb2 import CallError

_READ_BYTES = 1 << 16


class MemoryServer:
    """Listens on the apps' and on the owner's socket below a home; a thread for each connection."""

    def __init__(self, daemon: MemoryDaemon, home: Path) -> None:
        self._daemon = daemon
        self._locations = locate(home)
        self._open: set[sockets.socket] = set()
        self._lock = threading.Lock()
        daemon.socket = str(self._locations.socket)

    def start(self) -> None:
        self._locations.run.mkdir(parents=True, exist_ok=True)
        for path, owner in ((self._locations.socket, False), (self._locations.control_socket, True)):
            path.unlink(missing_ok=True)
            listener = sockets.socket(sockets.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            self._open.add(listener)
            threading.Thread(target=self._accept, args=(listener, owner), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more, and all connections are cut. Repeatable."""
        with self._lock:
            closing, self._open = self._open, set()
        for one in closing:
            with suppress(OSError):  # it hung up first
                one.shutdown(sockets.SHUT_RDWR)
            one.close()
        self._locations.socket.unlink(missing_ok=True)
        self._locations.control_socket.unlink(missing_ok=True)

    def _accept(self, listener: sockets.socket, owner: bool) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # stopped
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, owner), daemon=True).start()

    def _serve(self, connection: sockets.socket, owner: bool) -> None:
        frames = FrameReader(MAX_MESSAGE_BYTES)
        try:
            if connection.recv(len(MAGIC), sockets.MSG_WAITALL) != MAGIC:
                return
            while data := connection.recv(_READ_BYTES):
                for frame in frames.feed(data):
                    if frame.kind == Kind.CALL:
                        connection.sendall(self._answer(frame, owner))
        except (OSError, FramingError):
            return
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, frame: Frame, owner: bool) -> bytes:
        session, request = frame.body[: frame.session_size], frame.body[frame.session_size :]
        try:
            answer = self._daemon.answer_bytes(frame.method, request, session.decode(), owner=owner)
        except InsituError as error:
            told = CallError(
                status=error.status,
                message=str(error),
                reason=error.reason,
                field=error.field or "",
                detail=error.detail or "",
            )
            return error_frame(frame.call, told)
        return answer_header(frame.call, len(answer)) + answer
