"""Returns what it is sent on a Unix socket: `SOCKET blocking|asyncio|uvloop`. Ends with SIGTERM."""

import asyncio
import socket
import sys
from typing import cast

_BYTES = 1 << 16


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are not derived from asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def _serve(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(_Echo, path)
    await server.serve_forever()


def _block(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(_BYTES):
                    connection.sendall(data)


def main(path: str, kind: str) -> None:
    match kind:
        case "blocking":
            _block(path)
        case "asyncio":
            asyncio.run(_serve(path))
        case "uvloop":
            import uvloop

            uvloop.run(_serve(path))
        case _:
            sys.exit(f"there is no {kind!r}; use blocking, asyncio or uvloop")


if __name__ == "__main__":
    main(*sys.argv[1:])
