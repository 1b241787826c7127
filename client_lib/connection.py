"""A connection that blocks: carries steps out on the caller's thread."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from client_lib.calls import Calls, OpenSession
from client_lib.retry import INTERACTIVE, RetryPolicy
from client_lib.steps import Blocking, Call, Once, Pause, Step, Steps, T
from client_lib.transport import Answer, Method, PendingCall, Request, Response, Transport


@dataclass(frozen=True, slots=True)
class Started(Generic[Answer]):
    """A call that was sent, and the session that it was sent with."""

    call: PendingCall[Answer]
    session: str


class Connection:
    """A transport and the session on it. Safe to use from several threads: one of them opens, the others wait."""

    def __init__(
        self,
        transport: Transport,
        open_session: OpenSession,
        *,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.transport = transport
        self.calls = Calls(open_session, threading.Lock, rng or random.Random())
        self._sleep = sleep

    @property
    def session(self) -> str:
        """The open session, or "" where there is none."""
        return self.calls.session.value or ""

    def open(self) -> str:
        """The session; opened where there is none. Raises what the handshake raises."""
        return self.run(self.calls.connect())

    def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout_s: float = 30.0,
        policy: RetryPolicy = INTERACTIVE,
    ) -> Response:
        """See Calls.call."""
        return self.run(self.calls.call(method, request, timeout_s=timeout_s, policy=policy))

    def start(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        after: "Started[Any] | None" = None,
        timeout_s: float = 30.0,
    ) -> "Started[Response] | None":
        """Send a call once, on the open session, and wait later. None where there is no session, the transport keeps
        no order, or the call `after` which it is to come cannot be relied upon: the daemon begins this one only if it
        has begun that one. Raises InsituError where it could not be sent."""
        session = self.calls.session_ahead(after.session if after else None)
        if not session:
            return None
        call = self.transport.start(
            method, request, session=session, timeout_s=timeout_s, after=after.call if after else None
        )
        return Started(call, session) if call else None

    def run(self, steps: Steps[T]) -> T:
        """Carry out steps to their end. Returns what they return, raises what they raise."""
        return drive(steps, self.transport, self._sleep)


def drive(steps: Steps[T], transport: Transport, sleep: Callable[[float], None] = time.sleep) -> T:
    """Carry out steps over a transport, e.g. those of a handshake."""
    try:
        step = next(steps)
        while True:
            try:
                outcome = _perform(step, transport, sleep)
            except BaseException as error:  # noqa: BLE001 - the steps decide what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result


def _perform(step: Step, transport: Transport, sleep: Callable[[float], None]) -> Any:
    match step:
        case Call():
            return transport.call(step.method, step.request, session=step.session, timeout_s=step.timeout_s)
        case Pause():
            return sleep(step.seconds)
        case Blocking():
            return step.work()
        case Once(cell, make):
            with cell.lock:
                if cell.value is None:
                    cell.value = drive(make(), transport, sleep)
                return cell.value
