"""Calls with a session: opens it, renews it, and repeats what is safe to repeat."""

import random
import threading
import time
from collections.abc import Callable

from client_lib.errors import Unauthenticated, Unavailable
from client_lib.retry import INTERACTIVE, RetryPolicy
from client_lib.transport import Method, Request, Response, Transport

OpenSession = Callable[[], str]
_RENEWALS = 3
"""In one call: a daemon may restart again while a session is being renewed."""


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
        self._open_session = open_session
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._opening = threading.Lock()
        self._session = ""

    @property
    def session(self) -> str:
        """The open session, or "" where there is none."""
        return self._session

    def open(self) -> str:
        """The session; opened where there is none. Raises what the handshake raises."""
        session = self._session
        if session:
            return session
        with self._opening:
            if not self._session:
                self._session = self._open_session()
            return self._session

    def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout_s: float = 30.0,
        policy: RetryPolicy = INTERACTIVE,
    ) -> Response:
        """Call with the session. A lost session (it expired, or the daemon restarted) is renewed; a repeatable call is
        repeated while the daemon is unavailable, as long as `policy` allows. Raises InsituError.
        """
        renewals = _RENEWALS
        delays = policy.delays(self._rng)
        while True:
            session = ""
            try:
                session = self.open()
                return self.transport.call(method, request, session=session, timeout_s=timeout_s)
            except Unauthenticated as error:
                # A nonce from before a restart says nothing against the app.
                if not renewals or not (session or error.reason == "BAD_NONCE"):
                    raise
                renewals -= 1
                self._discard(session)
            except Unavailable as error:
                # Without a session the call itself was never sent.
                delay = next(delays, None) if method.repeatable or not session else None
                if delay is None or not policy.retries(error):
                    raise
                self._sleep(delay)

    def _discard(self, session: str) -> None:
        """Forget a session that the daemon no longer knows, unless another thread has renewed it meanwhile."""
        with self._opening:
            if self._session == session:
                self._session = ""
