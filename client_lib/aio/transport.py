"""What carries a call to the daemon, for programs on an event loop."""

from typing import Protocol

from client_lib.transport import Method, Request, Response


class AsyncPendingCall(Protocol):
    """A call on its way."""

    async def result(self) -> object:
        """Wait for the answer; whoever is cancelled meanwhile lets the daemon know. Raises InsituError."""
        ...


class AsyncTransport(Protocol):
    """A connection to one socket. Belongs to the event loop on which it was made."""

    async def call(
        self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float
    ) -> Response:
        """Send `request` once and wait; whoever is cancelled meanwhile lets the daemon know.

        Raises InsituError: DaemonNotRunning where nobody listens.
        """
        ...

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: AsyncPendingCall | None = None,
    ) -> AsyncPendingCall | None:
        """Send `request` at once, and wait later; as `client_lib.transport.Transport.start`. None where that cannot be,
        or the transport cannot promise it, and nothing is sent. Raises ResourceExhausted for what is too large."""
        ...

    async def close(self) -> None:
        """Give up calls under way (they raise Cancelled) and release the connection. Repeatable."""
        ...
