"""Who may call at all: peers that the acceptor minted and the socket admits. Covers services that others wrote, too."""

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc

from platform_daemon.errors import DaemonError
from platform_daemon.transport.calls import Peer
from platform_daemon.transport.peers import PeerTable
from platform_daemon.transport.status import grpc_code, grpc_message, trailing_metadata

Admit = Callable[[Peer], None]
"""Raises PermissionDenied for a peer that the socket does not serve."""

# What gRPC makes generic in its stubs alone.
ServicerContext = Any
RpcMethodHandler = Any


async def abort(call: ServicerContext, error: DaemonError) -> NoReturn:
    """End the call with the error's status."""
    await call.abort(grpc_code(error), grpc_message(error), trailing_metadata(error))
    raise AssertionError("abort() raises")


class Guard:
    """Finds the peer of a call."""

    def __init__(self, peers: PeerTable, admit: Admit | None) -> None:
        self._peers = peers
        self._admit = admit

    def peer_of(self, call: ServicerContext) -> Peer:
        """Raises Unauthenticated if the call came past the acceptor, PermissionDenied if the socket does not admit,
        ResourceExhausted if the caller has too many connections."""
        peer = self._peers.find(call.peer())
        if self._admit is not None:
            self._admit(peer)
        return peer

    def wrap(self, handler: RpcMethodHandler) -> RpcMethodHandler:
        """The same handler, unary or streaming, behind the guard."""
        sides = (handler.request_streaming, handler.response_streaming)
        kind = "_".join("stream" if streaming else "unary" for streaming in sides)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(self._guarded(getattr(handler, kind)), handler.request_deserializer, handler.response_serializer)

    def _guarded(self, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def generate(request: Any, call: ServicerContext) -> AsyncIterator[Any]:
            await self._check(call)
            async for response in behaviour(request, call):
                yield response

        async def run(request: Any, call: ServicerContext) -> Any:
            await self._check(call)
            return await behaviour(request, call)

        return generate if inspect.isasyncgenfunction(behaviour) else run

    async def _check(self, call: ServicerContext) -> None:
        try:
            self.peer_of(call)
        except DaemonError as error:
            await abort(call, error)


class GuardedRegistrar:
    """What generated `add_…Servicer_to_server` functions take for a server: registers all behind the guard."""

    def __init__(self, server: grpc.aio.Server, guard: Guard) -> None:
        self._server = server
        self._guard = guard

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Generated code registers everything twice; the registered methods below are enough."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, RpcMethodHandler]) -> None:
        guarded = {name: self._guard.wrap(handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))
