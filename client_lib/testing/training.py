"""The Training service in memory: sessions wait for the conditions that the daemon waits for, and run as told."""

from collections.abc import Callable, Iterable

from client_lib.errors import InvalidArgument, NotFound
from client_lib.testing.artifacts import mutable_session, named_digest, plan_of
from client_lib.testing.collections import check_name
from client_lib.testing.conditions import due_ms, example_count, readings, unmet
from client_lib.testing.runs import Advance, Commit, Fail, KeepOld, Metrics, NotReady, RunStep, Suspend
from client_lib.testing.state import App, Model, Session, State, Version
from insitu.v1 import control_pb2
from insitu.v1 import training_pb2 as pb

_RETRY_MS = 15 * 60 * 1000
_MOST_FAILURES = 5


class Training:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State, scripts: dict[str, list[RunStep]]) -> None:
        """`scripts` by the plans' digests: what becomes of a session that is looked at."""
        self._state = state
        self._scripts = scripts

    def schedule(self, request: pb.ScheduleRequest, app: App) -> pb.SessionStatus:
        options = request.options
        check_name(options.session, "options.session")
        _check_cadence(options.cadence)
        if mutable_session(options.output, "options.output") != options.session:
            raise InvalidArgument(
                f"options.output: {options.output!r} belongs to another session; write"
                f" artifact:/{options.session}/NAME",
                field="options.output",
            )
        if options.input:
            mutable_session(options.input, "options.input")
        digest = named_digest(options.plan, "options.plan")
        plan = plan_of(app, digest, "training")
        known = app.sessions.get(options.session)
        if known is None:
            known = Session(options, plan, self._state.now_ms, script=list(self._scripts.get(digest, ())))
            app.sessions[options.session] = known
        elif known.options != options:
            give_up(known, self._state.now_ms)
            known.options, known.plan, known.failures, known.retry_ms = options, plan, 0, 0
            known.script = list(self._scripts.get(digest, ()))
        return status_of(known, app, self._state)

    def status(self, request: pb.SessionStatusRequest, app: App) -> pb.SessionStatus:
        session = find(app, request.session)
        if session.script and not unmet(session, app, self._state):
            perform(session, app, self._state, [session.script.pop(0)])
        return status_of(session, app, self._state)

    def stop(self, request: pb.StopSessionRequest, app: App) -> pb.StopSessionResponse:
        find(app, request.session)
        del app.sessions[request.session]
        return pb.StopSessionResponse()

    def list(self, request: pb.ListSessionsRequest, app: App) -> pb.ListSessionsResponse:
        return pb.ListSessionsResponse(sessions=[status_of(one, app, self._state) for one in app.sessions.values()])


def find(app: App, name: str) -> Session:
    if name not in app.sessions:
        raise NotFound(f"session: there is no training session {name!r}; schedule it first", field="session")
    return app.sessions[name]


def perform(session: Session, app: App, state: State, steps: Iterable[RunStep]) -> None:
    """Let a run go through these steps. Raises NotReady where the daemon would not run it."""
    for step in steps:
        if session.state not in (pb.RUNNING, pb.EVALUATING):
            _start(session, app, state)
        match step:
            case Advance(steps=count, of=total, loss=loss):
                session.step += count
                session.total_steps, session.loss = total, loss
                session.attempts[0].steps = session.step
            case Suspend():
                session.state = pb.SUSPENDED
                session.attempts[0].outcome = pb.SUSPENDED
                session.attempts[0].suspensions += 1
            case Commit(metrics):
                _commit(session, app, state, metrics)
                _end(session, state, pb.COMMITTED, "", metrics)
            case KeepOld(metrics, reason):
                _end(session, state, pb.KEPT_OLD, reason, metrics)
            case Fail(reason):
                _end(session, state, pb.FAILED, reason, {})


def give_up(session: Session, now_ms: int, *, from_base: bool = False) -> None:
    """The ground of a run is gone: the session waits, and starts afresh."""
    if session.state in (pb.RUNNING, pb.SUSPENDED):
        session.attempts[0].outcome, session.attempts[0].ended_ms = pb.STOPPED, now_ms
        session.attempts[0].reason = "its ground has changed"
    session.state, session.retry_ms = pb.WAITING, 0
    session.from_base = session.from_base or from_base


def forget(app: App, now_ms: int, concerns: Callable[[Session], bool], keep: Callable[[Version], bool]) -> int:
    """Examples are gone: so is what was learnt from them. Returns how many versions were erased."""
    for session in app.sessions.values():
        if concerns(session):
            give_up(session, now_ms, from_base=True)
    return sum(model.keep(keep) for model in app.models.values())


def status_of(session: Session, app: App, state: State) -> pb.SessionStatus:
    conditions = readings(session, app, state)
    waits = session.state in (pb.WAITING, pb.SUSPENDED)
    reasons = [f"{r.name}: {r.value}; {r.remedy}" for r in conditions if not r.satisfied] if waits else []
    model = app.models.get(session.options.output)
    return pb.SessionStatus(
        options=session.options,
        state=session.state,
        reasons=[*reasons, session.reason] if session.reason else reasons,
        step=session.step,
        total_steps=session.total_steps if session.state == pb.RUNNING else 0,
        loss=session.loss,
        next_run_ms=0 if session.state == pb.DONE else due_ms(session),
        last_run_ms=session.last_started_ms,
        output_version=model.in_use if model else 0,
        attempts=session.attempts,
        conditions=conditions,
    )


def _start(session: Session, app: App, state: State) -> None:
    missing = unmet(session, app, state)
    if missing:
        raise NotReady(f"session {session.options.session!r} does not run now: {'; '.join(missing)}")
    if session.state == pb.SUSPENDED:
        session.attempts[0].outcome = pb.RUNNING
    else:
        session.step = session.total_steps = 0
        session.last_started_ms, session.reason = state.now_ms, ""
        attempt = pb.Attempt(started_ms=state.now_ms, outcome=pb.RUNNING, examples=example_count(session, app, state))
        session.attempts.insert(0, attempt)
    session.state = pb.RUNNING


def _end(session: Session, state: State, outcome: "pb.SessionState", reason: str, metrics: Metrics) -> None:
    attempt = session.attempts[0]
    attempt.outcome, attempt.reason, attempt.ended_ms = outcome, reason, state.now_ms
    attempt.metrics.extend(_pairs(metrics))
    failed = outcome == pb.FAILED
    session.failures = session.failures + 1 if failed else 0
    session.retry_ms = state.now_ms + _RETRY_MS if failed else 0
    session.last_ended_ms, session.reason, session.from_base = state.now_ms, reason, False
    again = not session.options.cadence.HasField("one_off") or (failed and session.failures < _MOST_FAILURES)
    session.state = pb.WAITING if again else pb.DONE


def _commit(session: Session, app: App, state: State, metrics: Metrics) -> None:
    model = app.models.setdefault(session.options.output, Model(session.options.output))
    model.produced += 1
    model.in_use = model.produced
    query = session.plan.training.query
    wire = control_pb2.ArtifactVersion(
        version=model.produced,
        created_ms=state.now_ms,
        plan_name=session.plan.name,
        plan_version=session.plan.version,
        context=sorted(type for type in query.context if app.grants.get(type)),
        metrics=_pairs(metrics),
    )
    model.versions.insert(0, Version(wire, query.collection))


def _pairs(metrics: Metrics) -> list[pb.MetricPair]:
    return [pb.MetricPair(name=name, before=before, after=after) for name, (before, after) in metrics.items()]


def _check_cadence(cadence: pb.Cadence) -> None:
    """As the daemon does, but that any five fields pass for a crontab expression."""
    match cadence.WhichOneof("kind"):
        case "continuous" if cadence.continuous.ToMilliseconds() < 0:
            raise InvalidArgument(
                "options.cadence.continuous: must not be negative", field="options.cadence.continuous"
            )
        case "times" if len(cadence.times.split()) != 5:
            raise InvalidArgument(
                f"options.cadence.times: {cadence.times!r} is no crontab expression; write five"
                " fields, e.g. '0 3 * * *'",
                field="options.cadence.times",
            )
        case None:
            raise InvalidArgument(
                "options.cadence: is missing; choose continuous, times or one_off", field="options.cadence"
            )
