"""Calls over gRPC on a Unix socket, awaited."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from client_lib.aio.transport import AsyncPendingCall
from client_lib.grpc_transport import OPTIONS, metadata_of, target_of, translate
from client_lib.reaching import shut
from client_lib.transport import Method, Request, Response


class GrpcTransport:
    """A channel to one Unix socket."""

    def __init__(self, socket: Path) -> None:
        """Within a running event loop. Raises InvalidArgument for a path that no socket can have."""
        self._channel = grpc.aio.insecure_channel(target_of(socket), options=OPTIONS)
        self._socket = socket
        self._callables: dict[str, Any] = {}
        self._closed = False

    async def call(
        self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float
    ) -> Response:
        """See AsyncTransport.call."""
        if self._closed:
            raise shut()
        try:
            response: Response = await self._callable(method)(request, timeout=timeout_s, metadata=metadata_of(session))
        except grpc.RpcError as error:
            raise translate(error, self._socket, closed=self._closed) from None
        except asyncio.CancelledError:
            # Closing the channel cancels calls as their callers do; a caller who did not is told why.
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):
                raise shut() from None
            raise
        return response

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        session: str,
        timeout_s: float,
        after: AsyncPendingCall | None = None,
    ) -> None:
        """See AsyncTransport.start: gRPC promises no order."""
        return

    async def close(self) -> None:
        """See AsyncTransport.close."""
        self._closed = True
        await self._channel.close(grace=None)

    def _callable(self, method: Method[Request, Response]) -> Any:
        found = self._callables.get(method.path)
        if found is None:
            found = self._channel.unary_unary(
                method.path,
                request_serializer=method.request_type.SerializeToString,
                response_deserializer=method.response_type.FromString,
            )
            self._callables[method.path] = found
        return found
