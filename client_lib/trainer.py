"""Training sessions: scheduled here, run by the daemon while the device is idle and charging."""

from client_lib.artifacts import ArtifactUploader
from client_lib.connection import Connection
from client_lib.errors import FailedPrecondition
from client_lib.options import TrainerOptions
from client_lib.sessions import SessionStatus, options_to_wire
from client_lib.transport import Method
from insitu.v1 import training_pb2 as wire

SCHEDULE = Method("Training", "Schedule", wire.ScheduleRequest, wire.SessionStatus)
STATUS = Method("Training", "Status", wire.SessionStatusRequest, wire.SessionStatus)
# A repetition would answer NOT_FOUND to a caller whose first attempt had succeeded.
STOP = Method("Training", "Stop", wire.StopSessionRequest, wire.StopSessionResponse, repeatable=False)
LIST = Method("Training", "List", wire.ListSessionsRequest, wire.ListSessionsResponse)


class TrainerClient:
    """One training session of this app."""

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: TrainerOptions) -> None:
        self.options = options
        self._connection = connection
        self._uploader = uploader

    def schedule(self) -> SessionStatus:
        """Create or reconfigure the session. With unchanged options nothing changes, not even a run under way.

        Raises InvalidArgument naming the option or the plan's fault, FailedPrecondition where the plan is not on the
        device, NotFound where the plan's file is missing.
        """
        plan = self._uploader.resolve(self.options.plan)
        request = wire.ScheduleRequest(options=options_to_wire(self.options, plan.uri))
        try:
            return SessionStatus.from_wire(self._connection.call(SCHEDULE, request))
        except FailedPrecondition as error:
            plan.restore(error)
            return SessionStatus.from_wire(self._connection.call(SCHEDULE, request))

    def status(self) -> SessionStatus:
        """Raises NotFound where the session was never scheduled, or was stopped."""
        return SessionStatus.from_wire(
            self._connection.call(STATUS, wire.SessionStatusRequest(session=self.options.session))
        )

    def stop(self) -> None:
        """Cancel a run under way and remove the session; what it produced stays. Raises NotFound."""
        self._connection.call(STOP, wire.StopSessionRequest(session=self.options.session))
