"""The private gRPC server: the method table's calls, health and reflection, for peers that the acceptor vouches for."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from platform_daemon.logs import LogEvent, marked
from platform_daemon.transport.calls import CallContext, Method, MethodTable
from platform_daemon.transport.guard import Admit, Guard, GuardedRegistrar, RpcMethodHandler, ServicerContext, abort
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.peers import PeerTable
from platform_daemon.transport.status import as_daemon_error
from platform_daemon.transport.underway import CallsUnderWay

_logger = logging.getLogger(__name__)
_STOP_MARGIN_S = 2.0
# Public, but missing in the stubs.
_aio_health: Any = vars(health)["aio"]
_aio_reflection: Any = vars(reflection)["aio"]
SESSION_KEY = "insitu-session"


class GrpcServer:
    """Serves `table` on a private endpoint. Methods that are added to the table after `start` are not served."""

    def __init__(
        self,
        endpoint: Path,
        table: MethodTable,
        peers: PeerTable,
        *,
        admit: Admit | None = None,
        limits: CallLimits | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._table = table
        self._guard = Guard(peers, admit)
        self._limits = limits or CallLimits()
        self._health = _aio_health.HealthServicer()
        self._calls = CallsUnderWay()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Bind and serve. The endpoint's folder must be closed to other users."""
        server = grpc.aio.server(options=_options(self._limits), maximum_concurrent_rpcs=self._limits.concurrent_calls)
        for service, handlers in self._handlers().items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        await self._add_standard_services(server)
        server.add_insecure_port(f"unix:{quote(str(self._endpoint))}")  # an address is a URI
        await server.start()
        self._server = server

    async def close(self, grace_s: float) -> None:
        """Say NOT_SERVING and refuse new calls, let those under way finish for `grace_s`, then cancel them.

        Only then does gRPC stop: from there on it resets new calls without a word. Repeatable; returns in bounded time.
        """
        server, self._server = self._server, None
        if server is None:
            return
        ends_s = time.monotonic() + grace_s
        await self._health.enter_graceful_shutdown()
        await self._calls.drain(grace_s)
        left_s = max(0.0, ends_s - time.monotonic())
        stopping = asyncio.ensure_future(server.stop(left_s))
        done, _ = await asyncio.wait({stopping}, timeout=left_s + _STOP_MARGIN_S)
        if not done:
            waited_s = grace_s + _STOP_MARGIN_S
            fields = marked(LogEvent.SERVER_STUCK, took_s=waited_s)
            _logger.warning("the gRPC server did not stop within %.1f s: left behind", waited_s, extra=fields)

    def _handlers(self) -> dict[str, dict[str, RpcMethodHandler]]:
        """By service and method. Raw bytes in and out: decoding belongs to the method table, which answers
        INVALID_ARGUMENT where gRPC would answer INTERNAL."""
        services: dict[str, dict[str, RpcMethodHandler]] = {}
        for path, method in self._table.methods.items():
            _, service, name = path.split("/")
            handler = grpc.unary_unary_rpc_method_handler(_answer_with(self._table, method, self._guard, self._calls))
            services.setdefault(service, {})[name] = handler
        return services

    async def _add_standard_services(self, server: grpc.aio.Server) -> None:
        names = sorted(self._handlers())
        for name in names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        registrar = GuardedRegistrar(server, self._guard)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, registrar)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            _aio_reflection.ReflectionServicer([*names, health.SERVICE_NAME, reflection.SERVICE_NAME]), registrar
        )


def _options(limits: CallLimits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.max_concurrent_streams", limits.calls_per_connection),
        # By default gRPC resets streams of a client at the limit that has seen a call end before the server has, and
        # drops calls at random once a thousand wait, as UNAVAILABLE and CANCELLED. The bounds above are enough, and
        # answer RESOURCE_EXHAUSTED.
        ("grpc.http.overload_protection", 0),
        ("grpc.server.max_pending_requests", 2 * limits.concurrent_calls),
        ("grpc.server.max_pending_requests_hard_limit", 4 * limits.concurrent_calls),
    ]


def _answer_with(
    table: MethodTable, method: Method, guard: Guard, calls: CallsUnderWay
) -> Callable[[bytes, ServicerContext], Awaitable[bytes]]:
    async def answer(request: bytes, call: ServicerContext) -> bytes:
        try:
            context = CallContext(guard.peer_of(call), _session(call), _deadline_s(call))
            with calls:
                return await table.answer(method, request, context)
        except Exception as error:  # noqa: BLE001 - every defect gets an answer and a line in the log
            await abort(call, as_daemon_error(error, method.path))

    return answer


def _session(call: ServicerContext) -> str:
    for key, value in call.invocation_metadata():
        if key == SESSION_KEY:
            return value if isinstance(value, str) else ""
    return ""


def _deadline_s(call: ServicerContext) -> float | None:
    remaining_s = call.time_remaining()
    return None if remaining_s is None else time.monotonic() + remaining_s
