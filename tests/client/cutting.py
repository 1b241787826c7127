"""Connections that break at a byte of the test's choice."""

import socket as sockets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cut:
    """How many bytes get through, up to the daemon and down to the app, before the connection is cut."""

    up: int = 1 << 60
    down: int = 1 << 60


class CuttingProxy:
    """Listens in the daemon's place and passes bytes on. The first connections are cut as told, later ones never."""

    def __init__(self, path: Path, daemon: Path, cuts: list[Cut]) -> None:
        self.passed_up = 0
        self.passed_down = 0
        self.connections = 0
        self._daemon = daemon
        self._cuts = list(cuts)
        self._listener = sockets.socket(sockets.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[sockets.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            _end(one)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                app, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            cut = self._cuts.pop(0) if self._cuts else Cut()
            daemon = sockets.socket(sockets.AF_UNIX)
            self._open += [app, daemon]
            try:
                daemon.connect(str(self._daemon))
            except OSError:
                _end(app)
                continue
            threading.Thread(target=self._pass, args=(app, daemon, cut.up, "passed_up"), daemon=True).start()
            threading.Thread(target=self._pass, args=(daemon, app, cut.down, "passed_down"), daemon=True).start()

    def _pass(self, source: sockets.socket, sink: sockets.socket, left: int, counter: str) -> None:
        with suppress(OSError):  # the other direction has been cut
            while left and (data := source.recv(min(left, 1 << 16))):
                sink.sendall(data)
                left -= len(data)
                setattr(self, counter, getattr(self, counter) + len(data))
        _end(source)
        _end(sink)


def _end(connection: sockets.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(sockets.SHUT_RDWR)


@contextmanager
def cutting(path: Path, daemon: Path, cuts: list[Cut]) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(path, daemon, cuts)
    try:
        yield proxy
    finally:
        proxy.close()
        path.unlink()
