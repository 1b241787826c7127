"""What carries a call to the daemon. gRPC is one transport; the rest of the library does not know which it uses."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest message that either end accepts."""


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """One method of the protocol, with the types that go in and out."""

    service: str
    name: str
    request_type: type[Request]
    response_type: type[Response]
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once. What adds carries an idempotency key."""

    @property
    def path(self) -> str:
        """As gRPC writes it."""
        return f"/insitu.v1.{self.service}/{self.name}"


class Transport(Protocol):
    """A connection to one socket, safe to use from several threads at once."""

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """Send `request` once and wait. Raises InsituError: DaemonNotRunning where nobody listens."""
        ...

    def close(self) -> None:
        """Give up calls under way (they raise Cancelled) and release the connection. Repeatable."""
        ...
