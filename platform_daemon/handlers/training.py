"""The Training service (training.proto)."""

from collections.abc import Callable

from insitu.v1 import training_pb2 as pb
from platform_daemon.artifacts import named_artifact, named_digest
from platform_daemon.errors import InvalidArgument
from platform_daemon.fair_threads import FairThreads
from platform_daemon.handlers.collections import check_name
from platform_daemon.training.cadence import check_cadence
from platform_daemon.training.service import TrainingService
from platform_daemon.transport.calls import CallContext

CheckPlan = Callable[[int, str], object]
"""Raises DaemonError unless an enclave holds a usable training plan of this digest. Blocks."""


class TrainingServicer:
    def __init__(self, service: TrainingService, check_plan: CheckPlan, threads: FairThreads) -> None:
        self._service = service
        self._threads = threads
        self._check_plan = check_plan

    async def schedule(self, request: pb.ScheduleRequest, context: CallContext) -> pb.SessionStatus:
        options = request.options
        check_name(options.session, "options.session")
        check_cadence(options.cadence)
        _check_output(options.output, owner=options.session)
        if options.input:
            named_artifact(options.input, "options.input")
        sha256 = named_digest(options.plan, "options.plan")
        await self._threads.run(context.enclave.number, self._check_plan, context.enclave.number, sha256)
        return await self._service.schedule(context.enclave, options, sha256)

    async def status(self, request: pb.SessionStatusRequest, context: CallContext) -> pb.SessionStatus:
        return self._service.status(context.enclave.number, request.session)

    async def stop(self, request: pb.StopSessionRequest, context: CallContext) -> pb.StopSessionResponse:
        await self._service.stop(context.enclave.number, request.session)
        return pb.StopSessionResponse()

    async def list(self, request: pb.ListSessionsRequest, context: CallContext) -> pb.ListSessionsResponse:
        sessions = self._service.list(context.enclave.number)
        return pb.ListSessionsResponse(sessions=[status for _, status in sessions])


def _check_output(uri: str, owner: str) -> None:
    named = named_artifact(uri, "options.output")
    if named.session != owner:
        raise InvalidArgument(
            f"{uri!r} belongs to session {named.session!r}; write artifact:/{owner}/{named.name}",
            field="options.output",
        )
