"""The way in, for programs on an event loop."""

import logging
import os
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from client_lib.aio.collection import CollectionClient
from client_lib.aio.connection import Connection
from client_lib.aio.predictor import PredictorClient
from client_lib.aio.tasks import Sender
from client_lib.aio.trainer import TrainerClient
from client_lib.aio.transport import AsyncTransport
from client_lib.app import App
from client_lib.artifacts import ArtifactUploader
from client_lib.collection import CONFIGURE, configure_request, name_in
from client_lib.errors import InsituError, InvalidArgument
from client_lib.filling import to_path
from client_lib.handshake import close_session, open_session
from client_lib.learning import DRAIN_TIMEOUT_S, TransportName
from client_lib.locations import find_socket
from client_lib.options import CollectionOptions, PredictorOptions, TrainerOptions

logger = logging.getLogger("client_lib")


class Connecting:
    """A connection to be made: `async with` it, or await it and close what it returns."""

    def __init__(self, make: Callable[[], Connection], assets: Path | None) -> None:
        """`make` is called within the event loop that is to have the connection."""
        self._make = make
        self._assets = assets
        self._made: Learning | None = None

    def __await__(self) -> Generator[Any, None, "Learning"]:
        return self._connect().__await__()

    async def __aenter__(self) -> "Learning":
        self._made = await self._connect()
        return self._made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            await self._made.close()

    async def _connect(self) -> "Learning":
        connection = self._make()
        try:
            await connection.run(connection.calls.connect())
        except BaseException:
            await connection.transport.close()
            raise
        return Learning(connection, self._assets)


class Learning:
    """An app's connection to the daemon, on one event loop. Close it, or use it with `async with`."""

    def __init__(self, connection: Connection, assets: Path | None = None) -> None:
        """For tests and other transports; apps call `connect`."""
        self._connection = connection
        self._sender = Sender()
        self._uploader = ArtifactUploader(connection.calls, assets)
        self._closed = False

    @classmethod
    def connect(
        cls,
        *,
        package: str,
        credentials: str | os.PathLike[str],
        transport: TransportName = "auto",
        socket: str | os.PathLike[str] | None = None,
        assets: str | os.PathLike[str] | None = None,
    ) -> Connecting:
        """As `client_lib.Learning.connect`, to be awaited or entered: `async with Learning.connect(...) as learning`.

        Raises CredentialsError and InvalidArgument at once; the rest once awaited.
        """
        app = App.find(package, credentials, assets)
        path = find_socket(to_path("socket", socket) if socket is not None else None)
        return Connecting(
            lambda: Connection(_open_transport(transport, path), lambda: open_session(app.keys)), app.assets
        )

    async def get_collection_client(self, options: CollectionOptions | str) -> CollectionClient:
        """A collection. With options, create it or change those that are set; with a name alone, use it as it is.

        Raises InvalidArgument naming the option, PermissionDenied where the user has not consented to collection.
        """
        if isinstance(options, str):
            return CollectionClient(self._connection, self._sender, name_in(options))
        await self._connection.run(self._connection.calls.call(CONFIGURE, configure_request(options)))
        return CollectionClient(self._connection, self._sender, options.name)

    def get_trainer_client(self, options: TrainerOptions) -> TrainerClient:
        """A training session; nothing happens before `schedule()`."""
        return TrainerClient(self._connection, self._uploader, options)

    def get_predictor_client(self, options: PredictorOptions) -> PredictorClient:
        """A model; nothing happens before the first call."""
        return PredictorClient(self._connection, self._uploader, options)

    async def close(self) -> None:
        """Send what is on its way (for at most 20 s), end the session, disconnect. Repeatable."""
        if self._closed:
            return
        self._closed = True
        await self._sender.close(DRAIN_TIMEOUT_S)
        session = self._connection.calls.session.value
        try:
            if session:
                await self._connection.run(close_session(session))
        except InsituError as error:
            logger.debug("the session was not closed, it will expire: %s", error)
        finally:
            await self._connection.transport.close()

    async def __aenter__(self) -> "Learning":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _open_transport(name: TransportName, socket: Path) -> AsyncTransport:
    match name:
        case "auto" | "lane":
            from client_lib.aio.lane_transport import LaneTransport

            return LaneTransport(socket)
        case "grpc":
            from client_lib.aio.grpc_transport import GrpcTransport

            return GrpcTransport(socket)
        case _:
            raise InvalidArgument(f'there is no transport {name!r}; use "auto", "lane" or "grpc"', field="transport")
