"""The daemon's methods in memory: who may call what, and which calls a test lets fail."""

import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.message import DecodeError

from client_lib import artifacts, collection, control, handshake, predictor, trainer
from client_lib.errors import DaemonNotRunning, InsituError, InvalidArgument, ResourceExhausted
from client_lib.testing.access import Access
from client_lib.testing.artifacts import Artifacts
from client_lib.testing.collections import Collections
from client_lib.testing.control import Control
from client_lib.testing.prediction import Predict, Prediction
from client_lib.testing.runs import RunStep
from client_lib.testing.state import State
from client_lib.testing.training import Training
from client_lib.transport import Method, Request, Response

_METHODS: list[Method[Any, Any]] = [
    value
    for module in (artifacts, collection, control, handshake, predictor, trainer)
    for value in vars(module).values()
    if isinstance(value, Method)
]
_WRITES = frozenset({"Configure", "Add", "Put", "Schedule", "Register", "RequestApproval"})


@dataclass(frozen=True, slots=True)
class _Failure:
    error: InsituError
    takes_effect: bool


class MemoryDaemon:
    """Answers calls, one at a time."""

    def __init__(self, state: State, socket: str = "a device in memory") -> None:
        self.state = state
        self.socket = socket
        self.running = True
        self.functions: dict[str, Predict] = {}
        """What plans predict, by digest."""
        self.scripts: dict[str, list[RunStep]] = {}
        """What becomes of the sessions of a plan, by digest."""
        self.calls: list[str] = []
        self.lock = threading.RLock()
        self._failures: defaultdict[str, deque[_Failure]] = defaultdict(deque)
        self._services = {
            "Access": Access(state),
            "Artifacts": Artifacts(state),
            "Collections": Collections(state),
            "Prediction": Prediction(state, self.functions),
            "Training": Training(state, self.scripts),
        }
        self._control = Control(state, lambda: self.socket)

    def fail(self, method: str, error: InsituError, times: int, takes_effect: bool) -> None:
        if method not in {name_of(one) for one in _METHODS}:
            raise ValueError(f"there is no method {method!r}; write SERVICE/METHOD, e.g. Collections/Add")
        self._failures[method].extend([_Failure(error, takes_effect)] * times)

    def stop(self) -> None:
        """What a daemon has only in memory is lost."""
        self.running = False
        self.state.sessions.clear()
        self.state.nonces.clear()

    def answer(self, method: Method[Request, Response], request: Request, session: str, *, owner: bool) -> Response:
        """`owner`: the call came on the owner's socket. Raises InsituError."""
        name = name_of(method)
        with self.lock:
            if not self.running:
                raise DaemonNotRunning(self.socket)
            self.calls.append(name)
            failures = self._failures[name]
            failure = failures.popleft() if failures else None
            if failure is not None and not failure.takes_effect:
                raise failure.error
            if self.state.disk_full and method.name in _WRITES:
                raise ResourceExhausted("the disk is full: make room and repeat", reason="DISK_FULL")
            # The bytes are those of a real call: neither side keeps a message that the other changes.
            message = method.request_type.FromString(request.SerializeToString())
            response = self._handler(method, session, owner)(message)
            if failure is not None:
                raise failure.error
            return method.response_type.FromString(response.SerializeToString())

    def answer_bytes(self, number: int, request: bytes, session: str, *, owner: bool) -> bytes:
        """A call as it comes over the framed lane. Raises InsituError."""
        method = next((one for one in _METHODS if one.number == number), None)
        if method is None:
            raise InvalidArgument(f"there is no method {number}", reason="MALFORMED")
        try:
            message = method.request_type.FromString(request)
        except DecodeError as error:
            raise InvalidArgument(f"the request is malformed: {error}", reason="MALFORMED") from error
        answer: bytes = self.answer(method, message, session, owner=owner).SerializeToString()
        return answer

    def _handler(self, method: Method[Any, Any], session: str, owner: bool) -> Callable[[Any], Any]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()
        if owner != (method.service == "Control"):
            raise InvalidArgument(f"{method.path} is not served on this socket", reason="UNIMPLEMENTED")
        if owner:
            return cast(Callable[[Any], Any], getattr(self._control, name))
        caller = session if method.service == "Access" else self.state.caller(session)
        handler = getattr(self._services[method.service], name)
        return lambda message: handler(message, caller)


def name_of(method: Method[Any, Any]) -> str:
    """As tests write it: "Collections/Add"."""
    return f"{method.service}/{method.name}"
