"""Repetition and renewal, decision by decision, over a transport that answers as it is told."""

import random
from collections import deque

import pytest
from google.protobuf.message import Message

from client_lib import DaemonNotRunning, NotFound, ResourceExhausted, Unauthenticated, Unavailable
from client_lib.collection import STATS
from client_lib.connection import Connection
from client_lib.errors import InsituError
from client_lib.retry import BACKGROUND, INTERACTIVE
from client_lib.steps import Steps, blocking
from client_lib.trainer import STOP
from client_lib.transport import Method, Request, Response
from insitu.v1.collection_pb2 import CollectionStats, CollectionStatsRequest
from insitu.v1.training_pb2 import StopSessionRequest


class ScriptedTransport:
    """Answers with the errors it is given, in order, and then with success."""

    def __init__(self, *errors: InsituError) -> None:
        self.errors = deque(errors)
        self.sessions: list[str] = []

    def call(self, method: Method[Request, Response], request: Request, *, session: str, timeout_s: float) -> Response:
        self.sessions.append(session)
        if self.errors:
            raise self.errors.popleft()
        return method.response_type()

    def close(self) -> None:
        self.errors.clear()


class Bench:
    """A connection whose sleeps are only counted. `openings` are errors of the handshake, None where it succeeds."""

    def __init__(self, *errors: InsituError, openings: tuple[InsituError | None, ...] = ()) -> None:
        self.transport = ScriptedTransport(*errors)
        self.slept_s: list[float] = []
        self.opened = 0
        self._openings = deque(openings)
        self.connection = Connection(self.transport, self._open, sleep=self.slept_s.append, rng=random.Random(0))

    def _open(self) -> Steps[str]:
        self.opened += 1
        error = self._openings.popleft() if self._openings else None
        if error is not None:
            raise error
        yield from blocking(lambda: None)
        return f"session {self.opened}"

    def stats(self, background: bool = False) -> Message:
        policy = BACKGROUND if background else INTERACTIVE
        return self.connection.call(STATS, CollectionStatsRequest(), policy=policy)

    def stop(self) -> Message:
        return self.connection.call(STOP, StopSessionRequest())


def test_the_session_is_opened_once_and_sent_with_each_call() -> None:
    bench = Bench()
    bench.stats()
    bench.stats()
    assert (bench.opened, bench.transport.sessions) == (1, ["session 1", "session 1"])


def test_nothing_is_sent_ahead_behind_a_call_of_another_session() -> None:
    bench = Bench()
    calls = bench.connection.calls
    assert calls.session_ahead(None) is None
    bench.stats()
    assert calls.session_ahead(None) == calls.session_ahead("session 1") == "session 1"
    calls.session.discard("session 1")
    assert calls.session_ahead("session 1") is None
    bench.stats()
    assert calls.session_ahead("session 1") is None
    assert calls.session_ahead(None) == "session 2"


def test_a_lost_session_is_renewed_once_without_a_pause() -> None:
    bench = Bench(Unauthenticated("expired"))
    assert isinstance(bench.stop(), Message)
    assert (bench.transport.sessions, bench.slept_s) == (["session 1", "session 2"], [])


def test_a_session_may_be_lost_again_while_it_is_renewed() -> None:
    bench = Bench(*[Unauthenticated("another restart")] * 3)
    bench.stats()
    assert bench.opened == 4


def test_a_refusal_that_renewals_do_not_end_is_the_answer() -> None:
    bench = Bench(*[Unauthenticated("expired")] * 3, Unauthenticated("no"))
    with pytest.raises(Unauthenticated, match="no"):
        bench.stats()


def test_a_handshake_across_a_restart_is_made_again() -> None:
    bench = Bench(openings=(Unauthenticated("a nonce of another process", reason="BAD_NONCE"),))
    bench.stats()
    assert bench.opened == 2


def test_a_refused_handshake_is_not_tried_again() -> None:
    bench = Bench(openings=(Unauthenticated("forged"),))
    with pytest.raises(Unauthenticated, match="forged"):
        bench.stats()
    assert (bench.opened, bench.transport.sessions) == (1, [])


def test_unavailable_is_repeated_with_growing_pauses() -> None:
    bench = Bench(*[Unavailable("busy")] * 4)
    assert isinstance(bench.stats(), CollectionStats)
    assert len(bench.slept_s) == 4
    assert bench.slept_s[3] > bench.slept_s[0]


def test_patience_ends() -> None:
    bench = Bench(*[Unavailable("busy")] * 1000)
    with pytest.raises(Unavailable):
        bench.stats()
    assert sum(bench.slept_s) == pytest.approx(INTERACTIVE.patience_s)


def test_who_is_told_when_waits_as_long() -> None:
    bench = Bench(Unavailable("the worker restarts", reason="WORKER_BACKOFF", detail="1.5"))
    bench.stats()
    assert bench.slept_s == [1.5]


def test_what_the_daemon_names_counts_as_patience_too() -> None:
    bench = Bench(*[ResourceExhausted("too fast", reason="QUOTA_RATE", detail="1.25")] * 1000)
    with pytest.raises(ResourceExhausted):
        bench.stats()
    assert bench.slept_s == [1.25, 1.25]


@pytest.mark.parametrize("detail", ["9.0", "inf", "soon"])
def test_who_is_told_to_wait_for_longer_than_they_would_is_answered_at_once(detail: str) -> None:
    error = Unavailable("the worker restarts", reason="WORKER_BACKOFF", detail=detail)
    assert INTERACTIVE.retries(error) is (detail != "9.0")
    assert BACKGROUND.retries(error)


def test_what_may_have_taken_effect_is_not_repeated() -> None:
    bench = Bench(Unavailable("connection broke"))
    with pytest.raises(Unavailable):
        bench.stop()
    assert bench.slept_s == []


def test_what_was_never_sent_is() -> None:
    bench = Bench(openings=(Unavailable("busy"), None))
    bench.stop()
    assert (bench.opened, len(bench.slept_s)) == (2, 1)


def test_a_daemon_that_has_answered_is_waited_for_while_it_restarts() -> None:
    bench = Bench()
    bench.stats()
    bench.transport.errors.extend([DaemonNotRunning("x")] * 3)
    bench.stats()
    assert len(bench.slept_s) == 3


def test_one_that_opened_the_session_has_answered() -> None:
    bench = Bench(DaemonNotRunning("x"))
    bench.connection.open()
    bench.stats()
    assert len(bench.slept_s) == 1


def test_who_has_waited_in_vain_is_told_at_once_from_then_on() -> None:
    bench = Bench()
    bench.stats()
    bench.transport.errors.extend([DaemonNotRunning("x")] * 1000)
    with pytest.raises(DaemonNotRunning):
        bench.stats()
    assert sum(bench.slept_s) == pytest.approx(INTERACTIVE.patience_s)
    bench.slept_s.clear()
    with pytest.raises(DaemonNotRunning):
        bench.stats()
    assert bench.slept_s == []
    bench.transport.errors.clear()
    bench.stats()
    bench.transport.errors.append(DaemonNotRunning("x"))
    bench.stats()
    assert len(bench.slept_s) == 1


def test_absent_daemon_is_waited_for_only_in_the_background() -> None:
    absent = DaemonNotRunning("/run/insitu.sock")
    impatient = Bench(openings=(absent,))
    with pytest.raises(DaemonNotRunning):
        impatient.stats()
    assert impatient.slept_s == []
    patient = Bench(absent, absent, Unauthenticated("the new daemon knows no session"))
    assert isinstance(patient.stats(background=True), CollectionStats)
    assert patient.opened == 2


def test_other_errors_are_the_answer() -> None:
    bench = Bench(NotFound("no such collection"))
    with pytest.raises(NotFound):
        bench.stats()
    assert len(bench.transport.sessions) == 1
