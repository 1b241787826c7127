"""Calls with a session: opens it, renews it, and repeats what is safe to repeat. Decisions alone, as steps."""

import random
from collections.abc import Callable
from typing import Any

from client_lib.errors import DaemonNotRunning, InsituError, Unauthenticated
from client_lib.retry import INTERACTIVE, Patience, RetryPolicy
from client_lib.steps import Cell, Pause, Steps, T, once, send
from client_lib.transport import Method, Request, Response

OpenSession = Callable[[], Steps[str]]
_RENEWALS = 3
"""In one call: a daemon may restart again while a session is being renewed."""


class Calls:
    """The session of a connection, and the calls on it."""

    def __init__(self, open_session: OpenSession, make_lock: Callable[[], Any], rng: random.Random) -> None:
        self._open_session = open_session
        self._make_lock = make_lock
        self._rng = rng
        self.session: Cell[str] = self.new_cell()
        self._was_there = False
        """The daemon has answered, and nobody has waited for it in vain since."""

    def new_cell(self) -> Cell[Any]:
        """A cell for what users of this connection are to make once."""
        return Cell(self._make_lock())

    def session_ahead(self, before: str | None) -> str | None:
        """The session for a call that is sent ahead, once. `before` is that of the call which it is to follow: None
        where there is none now, or another, with which the daemon might begin this call although that one is lost.
        """
        session = self.session.value
        return None if before is not None and session != before else session

    def connect(self) -> Steps[str]:
        """Open the session where there is none, as persistently as a call. Raises what the handshake raises."""
        return self._persist(_itself, repeatable=True, policy=INTERACTIVE)

    def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout_s: float = 30.0,
        policy: RetryPolicy = INTERACTIVE,
    ) -> Steps[Response]:
        """Call with the session. A lost session (it expired, or the daemon restarted) is renewed; a repeatable call is
        repeated while the daemon is unavailable, as long as `policy` allows. Raises InsituError.
        """
        return self._persist(
            lambda session: send(method, request, session, timeout_s), repeatable=method.repeatable, policy=policy
        )

    def _open_anew(self) -> Steps[str]:
        session = yield from self._open_session()
        self._was_there = True
        return session

    def _persist(self, act: Callable[[str], Steps[T]], *, repeatable: bool, policy: RetryPolicy) -> Steps[T]:
        renewals, was_there = _RENEWALS, self._was_there
        patience: Patience | None = None
        while True:
            session = ""
            try:
                session = self.session.value or (yield from once(self.session, self._open_anew))
                outcome = yield from act(session)
                self._was_there = True
                return outcome
            except Unauthenticated as error:
                # A nonce from before a restart says nothing against the app.
                if not renewals or not (session or error.reason == "BAD_NONCE"):
                    raise
                renewals -= 1
                self.session.discard(session)
            except InsituError as error:
                # Without a session nothing but a handshake was tried, which can always be made again.
                pause_s = None
                if (repeatable or not session) and policy.retries(error, was_there=was_there or self._was_there):
                    patience = patience or Patience(policy, self._rng)
                    pause_s = patience.pause_s(error.retry_after_s or 0.0)
                if pause_s is None:
                    # Nobody else need wait for a daemon that does not come back.
                    self._was_there &= not isinstance(error, DaemonNotRunning)
                    raise
                yield Pause(pause_s)


def _itself(session: str) -> Steps[str]:
    yield from ()
    return session
