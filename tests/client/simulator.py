"""A daemon in the test's own process: the protocol as it is written, over real gRPC on real Unix sockets, no disk.

It verifies every signature and checks every session, so that a client which passes here has done the handshake. Faults
are injected before a call (it is refused) or behind it (it took effect, and the answer is lost).
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from insitu.v1 import access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2
from platform_daemon.errors import BY_STATUS, DaemonError, InvalidArgument
from tests.client.simulated_access import Access
from tests.client.simulated_control import Control
from tests.client.simulated_device import DeviceState
from tests.client.simulated_services import Artifacts, Collections, Prediction, Training

_SERVICES = {
    service.name: service
    for module in (access_pb2, artifact_pb2, collection_pb2, control_pb2, prediction_pb2, training_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}


@dataclass(frozen=True)
class Fault:
    status: str
    reason: str | None
    """None leaves the metadata out, as a connection that breaks does."""
    takes_effect: bool


class SimulatedDaemon:
    """Serves one home. `stop` and `start` again keep what a real daemon keeps; sessions and nonces are lost."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "run" / "insitu.sock"
        self.control_socket = home / "run" / "control.sock"
        self.state = DeviceState(str(self.socket))
        self.calls: list[str] = []
        """Names of the methods called, in order: "Collections/Add"."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._servers: list[grpc.Server] = []

    def start(self) -> None:
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        access = Access(self.state)
        apps = {
            "Access": access,
            "Collections": Collections(self.state),
            "Artifacts": Artifacts(self.state),
            "Prediction": Prediction(self.state),
            "Training": Training(self.state),
        }
        self._servers = [
            self._serve(self.socket, apps),
            self._serve(self.control_socket, {"Control": Control(self.state)}),
        ]

    def stop(self) -> None:
        for server in self._servers:
            server.stop(grace=None).wait()
        self._servers = []
        self.state.sessions.clear()
        self.state.nonces.clear()
        self.socket.unlink(missing_ok=True)
        self.control_socket.unlink(missing_ok=True)

    def fail(
        self, method: str, status: str, *, reason: str | None = None, times: int = 1, takes_effect: bool = False
    ) -> None:
        """Let the next calls of "Service/Method" answer `status`."""
        self._faults[method].extend([Fault(status, reason, takes_effect)] * times)

    def count(self, method: str) -> int:
        return self.calls.count(method)

    def _serve(self, path: Path, servicers: Mapping[str, object]) -> grpc.Server:
        server = grpc.server(ThreadPoolExecutor(max_workers=8))
        for name, servicer in servicers.items():
            handlers = {method.name: self._handler(name, method, servicer) for method in _SERVICES[name].methods}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"insitu.v1.{name}", handlers),))
        server.add_insecure_port(f"unix:{path}")
        server.start()
        return server

    def _handler(self, service: str, method: Any, servicer: object) -> Any:
        run: Callable[..., Message] = getattr(servicer, method.name)
        request_type = GetMessageClass(method.input_type)
        name = f"{service}/{method.name}"

        def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
            session = dict(context.invocation_metadata()).get("insitu-session", "")
            with self._lock:
                self.calls.append(name)
                fault = self._faults[name].popleft() if self._faults[name] else None
                try:
                    if fault is not None and not fault.takes_effect:
                        raise BY_STATUS[fault.status]("injected", reason=fault.reason or "")
                    response = run(_parse(request_type, payload), session)
                    if fault is not None:
                        raise BY_STATUS[fault.status]("injected", reason=fault.reason or "")
                    return response.SerializeToString()
                except DaemonError as error:
                    _refuse(context, error, silent=fault is not None and fault.reason is None)
                    raise

        return grpc.unary_unary_rpc_method_handler(answer)


def _parse(kind: type[Message], payload: bytes) -> Message:
    try:
        return kind.FromString(payload)
    except DecodeError as error:
        raise InvalidArgument(f"malformed: {error}", reason="MALFORMED") from error


def _refuse(context: grpc.ServicerContext, error: DaemonError, *, silent: bool) -> None:
    if not silent:
        trailing = [("insitu-reason", error.reason)]
        if error.field is not None:
            trailing.append(("insitu-field", error.field))
        if error.detail is not None:
            trailing.append(("insitu-detail", error.detail))
        context.set_trailing_metadata(tuple(trailing))
    context.abort(grpc.StatusCode[error.status], error.message)
