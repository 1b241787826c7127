"""Calls without a transport: a handler takes a typed request and a call context, and returns a typed response.

Handlers are registered once in a `MethodTable`; every transport serves the same table through `MethodTable.answer`.
"""

import enum
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from platform_daemon.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unauthenticated
from platform_daemon.transport.tenancy import Tenancy, Tenant


class Access(enum.Enum):
    """Who may call a method."""

    PUBLIC = "public"
    """Any process that reaches the apps' socket: what leads to a session."""
    SESSION = "session"
    """Holders of a session."""
    OWNER = "owner"
    """The device's owner, on the control socket."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel vouches for it."""

    uid: int
    pid: int
    connection: str
    """Name that the acceptor minted for the connection."""


def stranger(peer: Peer) -> Tenant:
    """The tenant of a process that presents no session. Apps of one user do not share it."""
    return peer.uid, peer.pid


@dataclass(frozen=True, slots=True)
class Enclave:
    """All that belongs to one package of one OS user. `number` names it in the store."""

    number: int
    package: str
    uid: int


@dataclass(slots=True)
class CallContext:
    peer: Peer
    session: str = ""
    """What the caller presented; checked before a SESSION method runs."""
    deadline_s: float | None = None
    """On the monotonic clock. After it no handler is begun; a transport cancels the one under way."""
    caller: Enclave | None = field(default=None)
    """Also set by the method that opens a session."""

    @property
    def enclave(self) -> Enclave:
        """The caller's enclave. Set for every SESSION method."""
        assert self.caller is not None
        return self.caller


Handler = Callable[[Message, CallContext], Awaitable[Message]]
SessionCheck = Callable[[str, Peer], Enclave]
"""Returns the session's enclave, or raises Unauthenticated."""
CallObserver = Callable[["Method", BaseException | None, float], None]
"""Told of each call that ended: its method, what it raised, if anything, and the seconds it took. Must not raise."""

SessionObserver = Callable[[Peer, Tenant], None]
"""Told of each call that has an open session: its peer and the tenant. Raises DaemonError to refuse the call."""


@dataclass(frozen=True, slots=True)
class Method:
    path: str
    """As gRPC writes it: "/insitu.v1.Collections/Add"."""
    request_type: type[Message]
    handler: Handler
    access: Access
    descriptor: MethodDescriptor


HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[Message]])


def reads(request_type: type[Message]) -> Callable[[HandlerT], HandlerT]:
    """Have a handler's requests decoded as another message than the service names, one of the same wire format that
    leaves parts to be read by others."""

    def mark(handler: HandlerT) -> HandlerT:
        vars(handler)["request_type"] = request_type
        return handler

    return mark


class MethodTable:
    """All methods that a socket serves, by path."""

    def __init__(
        self, check_session: SessionCheck, observer: CallObserver | None = None, tenancy: Tenancy | None = None
    ) -> None:
        self._check_session = check_session
        self._observer = observer or _nobody_observes
        self._tenancy = tenancy or Tenancy()
        self._present_session: SessionObserver = _nobody_asks
        self._methods: dict[str, Method] = {}

    @property
    def methods(self) -> Mapping[str, Method]:
        return self._methods

    def on_session(self, observer: SessionObserver) -> None:
        """Tell `observer` of each call with an open session, before it begins."""
        self._present_session = observer

    def add_service(self, service: ServiceDescriptor, servicer: object, access: Access) -> None:
        """Register `servicer`'s methods, named as in the service, in snake case. Each must be there. A tuple of
        servicers serves together: the first that has a method."""
        parts = servicer if isinstance(servicer, tuple) else (servicer,)
        for method in service.methods:
            path = f"/{service.full_name}/{method.name}"
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()
            handler = getattr(next((part for part in parts if hasattr(part, name)), parts[0]), name)
            request_type = getattr(handler, "request_type", None) or GetMessageClass(method.input_type)
            self._methods[path] = Method(path, request_type, handler, access, method)

    async def answer(self, method: Method, request: bytes, context: CallContext) -> bytes:
        """Check the caller, wait for its turn, decode, run, encode. Raises DaemonError; anything else is a defect.

        A call whose deadline has passed is not run: nobody waits for its answer, and under load others do.
        """
        began_s = time.monotonic()
        try:
            if context.deadline_s is not None and began_s >= context.deadline_s:
                raise DeadlineExceeded("the deadline passed before the call began; allow more time")
            if method.access is Access.OWNER:
                answer = await _run(method, request, context)
            else:
                answer = await self._run_in_turn(method, request, context)
        except BaseException as error:
            self._observer(method, error, time.monotonic() - began_s)
            raise
        self._observer(method, None, time.monotonic() - began_s)
        return answer

    async def _run_in_turn(self, method: Method, request: bytes, context: CallContext) -> bytes:
        """As a tenant among others; the owner is none."""
        tenancy, size_bytes = self._tenancy, len(request)
        tenant: Tenant = stranger(context.peer)
        try:
            if method.access is Access.SESSION:
                context.caller = self._check_session(context.session, context.peer)
                tenant = context.caller.number
                self._present_session(context.peer, tenant)
            may_begin = tenancy.enter(tenant, size_bytes)
            try:
                if not may_begin:
                    await tenancy.turn(tenant)
                answer = await _run(method, request, context)
                if method.access is Access.PUBLIC and context.caller is not None:
                    # It has just opened a session: from now on its connection is an app's.
                    self._present_session(context.peer, context.caller.number)
                return answer
            finally:
                tenancy.leave(tenant, size_bytes)
        except (Unauthenticated, ResourceExhausted):
            await tenancy.hold_back(tenant)
            raise


async def _run(method: Method, request: bytes, context: CallContext) -> bytes:
    response = await method.handler(_decoded(method, request), context)
    return response.SerializeToString()


def _decoded(method: Method, request: bytes) -> Message:
    try:
        return method.request_type.FromString(request)
    except DecodeError as error:
        kind = method.request_type.DESCRIPTOR.full_name
        raise InvalidArgument(f"the request is no {kind}: {error}", reason="MALFORMED") from error


def _nobody_asks(peer: Peer, tenant: Tenant) -> None:
    """What a table does whose calls come from no acceptor."""


def _nobody_observes(method: Method, error: BaseException | None, took_s: float) -> None:
    """What a table does that is told of no observer."""
