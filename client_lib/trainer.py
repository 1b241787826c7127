"""Training sessions: scheduled here, run by the daemon while the device is idle and charging."""

from client_lib.artifacts import ArtifactUploader
from client_lib.calls import Calls
from client_lib.connection import Connection
from client_lib.filling import expect, fill
from client_lib.options import TrainerOptions
from client_lib.sessions import SessionStatus, options_to_wire
from client_lib.steps import Steps
from client_lib.transport import Method
from insitu.v1 import training_pb2 as wire

SCHEDULE = Method("Training", "Schedule", wire.ScheduleRequest, wire.SessionStatus)
STATUS = Method("Training", "Status", wire.SessionStatusRequest, wire.SessionStatus)
# A repetition would answer NOT_FOUND to a caller whose first attempt had succeeded.
STOP = Method("Training", "Stop", wire.StopSessionRequest, wire.StopSessionResponse, repeatable=False)
LIST = Method("Training", "List", wire.ListSessionsRequest, wire.ListSessionsResponse)


class TrainerSteps:
    """What a training session's client does, apart from how it waits."""

    def __init__(self, calls: Calls, uploader: ArtifactUploader, options: TrainerOptions) -> None:
        self._calls = calls
        self._uploader = uploader
        self._options = expect(TrainerOptions, "options", options)

    def schedule(self) -> Steps[SessionStatus]:
        plan = yield from self._uploader.resolve(self._options.plan)
        request = wire.ScheduleRequest(options=options_to_wire(self._options, plan.uri))
        return SessionStatus.from_wire((yield from plan.use(lambda: self._calls.call(SCHEDULE, request))))

    def status(self) -> Steps[SessionStatus]:
        request = fill(wire.SessionStatusRequest(), session=self._options.session)
        return SessionStatus.from_wire((yield from self._calls.call(STATUS, request)))

    def stop(self) -> Steps[None]:
        yield from self._calls.call(STOP, fill(wire.StopSessionRequest(), session=self._options.session))


class TrainerClient:
    """One training session of this app."""

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: TrainerOptions) -> None:
        self.options = options
        self._connection = connection
        self._steps = TrainerSteps(connection.calls, uploader, options)

    def schedule(self) -> SessionStatus:
        """Create or reconfigure the session. With unchanged options nothing changes, not even a run under way.

        Raises InvalidArgument naming the option or the plan's fault, FailedPrecondition where the plan is not on the
        device, NotFound where the plan's file is missing.
        """
        return self._connection.run(self._steps.schedule())

    def status(self) -> SessionStatus:
        """Raises NotFound where the session was never scheduled, or was stopped."""
        return self._connection.run(self._steps.status())

    def stop(self) -> None:
        """Cancel a run under way and remove the session; what it produced stays. Raises NotFound."""
        self._connection.run(self._steps.stop())
