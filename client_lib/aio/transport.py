"""What carries a call to the daemon, for programs on an event loop."""

from typing import Protocol

from client_lib.transport import Method, Request, Response


class AsyncTransport(Protocol):
    """A connection to one socket. Belongs to the event loop on which it was made."""

    async def call(
        self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float
    ) -> Response:
        """Send `request` once and wait; whoever is cancelled meanwhile lets the daemon know.

        Raises InsituError: DaemonNotRunning where nobody listens.
        """
        ...

    async def close(self) -> None:
        """Give up calls under way (they raise Cancelled) and release the connection. Repeatable."""
        ...
