"""What carries a call to the daemon. The rest of the library does not know which transport it uses."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from client_lib.lane_framing import number_of

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Answer = TypeVar("Answer", bound=Message, covariant=True)

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest message that either end accepts."""


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """One method of the protocol, with the types that go in and out."""

    service: str
    name: str
    request_type: type[Request]
    response_type: type[Response]
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once. What adds carries an idempotency key."""

    @cached_property
    def path(self) -> str:
        """As gRPC writes it."""
        return f"/insitu.v1.{self.service}/{self.name}"

    @cached_property
    def number(self) -> int:
        """On the framed lane."""
        service = self.request_type.DESCRIPTOR.file.services_by_name[self.service]
        return number_of(service.methods_by_name[self.name])


class PendingCall(Protocol[Answer]):
    """A call on its way."""

    def result(self) -> Answer:
        """Wait for the answer. Raises InsituError."""
        ...


class Transport(Protocol):
    """A connection to one socket, safe to use from several threads at once."""

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        """Send `request` once and wait. Raises InsituError: DaemonNotRunning where nobody listens."""
        ...

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: PendingCall[Any] | None = None,
    ) -> PendingCall[Response] | None:
        """Send `request` once, and wait later: the daemon begins it once it has begun `after`, which was started
        before, and does not answer it where it answers that as Unavailable. None where the transport cannot promise
        that, and nothing is sent. Raises InsituError where it could not be sent."""
        ...

    def close(self) -> None:
        """Give up calls under way (they raise Cancelled) and release the connection. Repeatable."""
        ...
