"""Calls that reach a device in the same memory."""

import asyncio
import threading
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from client_lib.aio.transport import AsyncPendingCall
from client_lib.credentials import Credentials
from client_lib.reaching import shut
from client_lib.testing.daemon import MemoryDaemon
from client_lib.testing.state import State
from client_lib.transport import Method, PendingCall, Request, Response


class MemoryTransport:
    """See Transport."""

    def __init__(self, daemon: MemoryDaemon, *, owner: bool = False) -> None:
        self._daemon = daemon
        self._owner = owner
        self._closed = False

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """See Transport.call."""
        if self._closed:
            raise shut()
        return self._daemon.answer(method, request, session, owner=self._owner)

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: PendingCall[Any] | None = None,
    ) -> None:
        """See Transport.start: a test sees one call after another."""
        return

    def close(self) -> None:
        """See Transport.close."""
        self._closed = True


class AsyncMemoryTransport:
    """See AsyncTransport."""

    def __init__(self, daemon: MemoryDaemon) -> None:
        self._transport = MemoryTransport(daemon)

    async def call(
        self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float
    ) -> Response:
        """See AsyncTransport.call."""
        await asyncio.sleep(0)
        return self._transport.call(method, request, session=session, timeout_s=timeout_s)

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: AsyncPendingCall | None = None,
    ) -> None:
        """See AsyncTransport.start: a test sees one call after another."""
        return

    async def close(self) -> None:
        """See AsyncTransport.close."""
        self._transport.close()


class MemoryKeys:
    """See handshake.Keys: credentials that lie in no file."""

    def __init__(self, state: State, package: str) -> None:
        self._state = state
        self._package = package
        self._lock = threading.Lock()

    def read(self) -> Credentials:
        return self._state.credentials[self._package]

    def try_lock(self) -> AbstractContextManager[object] | None:
        if not self._lock.acquire(blocking=False):
            return None
        held = ExitStack()
        held.callback(self._lock.release)
        return held

    def update(self, credentials: Credentials) -> None:
        self._state.credentials[self._package] = credentials
