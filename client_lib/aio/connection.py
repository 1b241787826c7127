"""A connection that awaits: carries steps out on an event loop."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from client_lib.aio.transport import AsyncPendingCall, AsyncTransport
from client_lib.calls import Calls, OpenSession
from client_lib.steps import Blocking, Call, Once, Pause, Step, Steps, T
from client_lib.transport import Method, Request, Response

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Started:
    """A call that was sent, and the session that it was sent with."""

    call: AsyncPendingCall
    session: str


class Connection:
    """A transport and the session on it: one of the tasks that need a session opens it, the others wait."""

    def __init__(
        self,
        transport: AsyncTransport,
        open_session: OpenSession,
        *,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.transport = transport
        self.calls = Calls(open_session, asyncio.Lock, rng or random.Random())
        self._sleep = sleep

    def start(
        self, method: Method[Request, Response], request: Request, *, after: "Started | None", timeout_s: float = 30.0
    ) -> "Started | None":
        """As `client_lib.connection.Connection.start`."""
        session = self.calls.session_ahead(after.session if after else None)
        if not session:
            return None
        call = self.transport.start(
            method, request, session=session, timeout_s=timeout_s, after=after.call if after else None
        )
        return Started(call, session) if call else None

    async def run(self, steps: Steps[T]) -> T:
        """Carry out steps to their end. Returns what they return, raises what they raise."""
        return await drive(steps, self.transport, self._sleep)


async def drive(steps: Steps[T], transport: AsyncTransport, sleep: Sleep = asyncio.sleep) -> T:
    """Carry out steps over a transport. A task that is cancelled cancels the step under way."""
    try:
        step = next(steps)
        while True:
            try:
                outcome = await _perform(step, transport, sleep)
            except BaseException as error:  # noqa: BLE001 - the steps decide what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result


async def _perform(step: Step, transport: AsyncTransport, sleep: Sleep) -> Any:
    match step:
        case Call():
            return await transport.call(step.method, step.request, session=step.session, timeout_s=step.timeout_s)
        case Pause():
            return await sleep(step.seconds)
        case Blocking():
            return await asyncio.to_thread(step.work)
        case Once(cell, make):
            async with cell.lock:
                if cell.value is None:
                    cell.value = await drive(make(), transport, sleep)
                return cell.value
