"""A bare grpc.aio server on a Unix socket that returns what it is sent: `SOCKET`. Ends with SIGTERM."""

import asyncio
import signal
import sys
from typing import Any

import grpc
import grpc.aio


async def _echo(request: bytes, context: Any) -> bytes:
    return request


async def main(socket: str) -> None:
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
    )
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(_echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
