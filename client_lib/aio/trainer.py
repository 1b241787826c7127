"""Training sessions, awaited."""

from client_lib.aio.connection import Connection
from client_lib.artifacts import ArtifactUploader
from client_lib.options import TrainerOptions
from client_lib.sessions import SessionStatus
from client_lib.trainer import TrainerSteps


class TrainerClient:
    """As `client_lib.TrainerClient`."""

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: TrainerOptions) -> None:
        self.options = options
        self._connection = connection
        self._steps = TrainerSteps(connection.calls, uploader, options)

    async def schedule(self) -> SessionStatus:
        """Create or reconfigure the session. With unchanged options nothing changes, not even a run under way."""
        return await self._connection.run(self._steps.schedule())

    async def status(self) -> SessionStatus:
        """Raises NotFound where the session was never scheduled, or was stopped."""
        return await self._connection.run(self._steps.status())

    async def stop(self) -> None:
        """Cancel a run under way and remove the session; what it produced stays. Raises NotFound."""
        await self._connection.run(self._steps.stop())
