"""Training sessions of all apps, and why each runs or does not."""

from insitu.v1 import control_pb2 as pb
from insitu.v1.training_pb2 import SessionStatus, StopSessionResponse
from platform_daemon.errors import InvalidArgument, NotFound
from platform_daemon.training.service import TrainingService
from platform_daemon.transport.calls import CallContext, Enclave


class SessionsPart:
    def __init__(self, training: TrainingService) -> None:
        self._training = training

    async def list_all_sessions(
        self, request: pb.ListAllSessionsRequest, context: CallContext
    ) -> pb.ListAllSessionsResponse:
        sessions = self._training.list()
        return pb.ListAllSessionsResponse(
            sessions=[pb.AppSession(package=enclave.package, status=status) for enclave, status in sessions]
        )

    async def explain_session(self, request: pb.ExplainSessionRequest, context: CallContext) -> pb.AppSession:
        enclave, status = self._find(request)
        return pb.AppSession(package=enclave.package, status=status)

    async def stop_app_session(self, request: pb.ExplainSessionRequest, context: CallContext) -> StopSessionResponse:
        enclave, _ = self._find(request)
        await self._training.stop(enclave.number, request.session)
        return StopSessionResponse()

    def _find(self, request: pb.ExplainSessionRequest) -> tuple[Enclave, SessionStatus]:
        found = [
            (enclave, status)
            for enclave, status in self._training.list()
            if status.options.session == request.session and request.package in {"", enclave.package}
        ]
        if not found:
            raise NotFound(
                f"there is no training session {request.session!r}; `insitu train list` shows all", field="session"
            )
        if len(found) > 1:
            packages = ", ".join(enclave.package for enclave, _ in found)
            raise InvalidArgument(f"several apps have this session, name one of: {packages}", field="package")
        return found[0]
