"""The way in: a connection to the device's daemon, and the clients that work over it."""

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Literal

from client_lib import collection
from client_lib.app import App
from client_lib.artifacts import ArtifactUploader
from client_lib.collection import CollectionClient
from client_lib.connection import Connection
from client_lib.errors import InsituError, InvalidArgument
from client_lib.filling import to_path
from client_lib.handshake import close_session, open_session
from client_lib.locations import find_socket
from client_lib.options import CollectionOptions, PredictorOptions, TrainerOptions
from client_lib.predictor import PredictorClient
from client_lib.tasks import Sender
from client_lib.trainer import TrainerClient
from client_lib.transport import Transport

logger = logging.getLogger("client_lib")

TransportName = Literal["auto", "lane", "grpc"]
DRAIN_TIMEOUT_S = 20.0


class Learning:
    """An app's connection to the daemon. Safe to use from several threads; close it, or use it as a context manager."""

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
    ) -> "Learning":
        """Connect and open a session; the first time, ask for approval and register.

        `socket` is found by itself unless given (INSITU_SOCKET, INSITU_HOME, the OS user's own). `assets` is the folder
        of `asset:` plans. Raises DaemonNotRunning, NotApproved, CredentialsError, Unauthenticated, InvalidArgument.
        """
        app = App.find(package, credentials, assets)
        carrier = _open_transport(transport, find_socket(to_path("socket", socket) if socket is not None else None))
        connection = Connection(carrier, lambda: open_session(app.keys))
        try:
            connection.open()
        except BaseException:
            carrier.close()
            raise
        return cls(connection, app.assets)

    def get_collection_client(self, options: CollectionOptions | str) -> CollectionClient:
        """A collection. With options, create it or change those that are set; with a name alone, use it as it is.

        Raises InvalidArgument naming the option, PermissionDenied where the user has not consented to collection.
        """
        if isinstance(options, str):
            return CollectionClient(self._connection, self._sender, collection.name_in(options))
        collection.configure(self._connection, options)
        return CollectionClient(self._connection, self._sender, options.name)

    def get_trainer_client(self, options: TrainerOptions) -> TrainerClient:
        """A training session; nothing happens before `schedule()`."""
        return TrainerClient(self._connection, self._uploader, options)

    def get_predictor_client(self, options: PredictorOptions) -> PredictorClient:
        """A model; nothing happens before the first call."""
        return PredictorClient(self._connection, self._uploader, options)

    def close(self) -> None:
        """Send what is on its way (for at most 20 s), end the session, disconnect. Repeatable."""
        if self._closed:
            return
        self._closed = True
        self._sender.close(DRAIN_TIMEOUT_S)
        session = self._connection.session
        try:
            if session:
                self._connection.run(close_session(session))
        except InsituError as error:
            logger.debug("the session was not closed, it will expire: %s", error)
        finally:
            self._connection.transport.close()

    def __enter__(self) -> "Learning":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_transport(name: TransportName, socket: Path) -> Transport:
    match name:
        case "auto" | "lane":
            from client_lib.lane_transport import LaneTransport

            return LaneTransport(socket)
        case "grpc":
            from client_lib.grpc_transport import GrpcTransport

            return GrpcTransport(socket)
        case _:
            raise InvalidArgument(f'there is no transport {name!r}; use "auto", "lane" or "grpc"', field="transport")
