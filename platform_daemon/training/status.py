"""What a session tells about itself: "why has it not run?" answered from the same readings that decide."""

from datetime import UTC, datetime

from insitu.v1 import training_pb2 as pb
from platform_daemon.errors import DaemonError
from platform_daemon.training.cadence import AHEAD_MS, believed_ms, believed_retry_ms, next_due_ms
from platform_daemon.training.conditions import SessionFacts, device_readings, session_readings, unmet
from platform_daemon.training.execution import Progress
from platform_daemon.training.records import Run, Session
from platform_daemon.training.states import State
from platform_daemon.training.world import World

DAY_MS = 24 * 3600 * 1000


def due_ms(session: Session, world: World) -> int:
    """Unix milliseconds from which on the session wants a trainer. A suspended run wants it at once, and so does a
    session whose results had to be forgotten."""
    now_ms = world.clock.now_ms()
    retry_ms = believed_retry_ms(session.retry_ms, now_ms)
    if session.state is State.SUSPENDED or session.from_base:
        return retry_ms
    due = next_due_ms(
        session.options.cadence,
        created_ms=believed_ms(session.created_ms, now_ms),
        last_started_ms=believed_ms(session.last_started_ms, now_ms),
        last_ended_ms=believed_ms(session.last_ended_ms, now_ms),
        zone=datetime.now().astimezone().tzinfo or UTC,
    )
    if session.failures:
        return retry_ms
    return max(due, retry_ms)


def read_conditions(session: Session, world: World, trainer_of: str = "") -> list[pb.ConditionReading]:
    """All conditions of a start, each with its value, source and remedy. `trainer_of` names the session that has the
    trainer, if it is another."""
    options, enclave = session.options, session.enclave.number
    readings = device_readings(world.observe(), world.policy, options.requires_unmetered)
    try:
        plan = world.plans.training_plan(enclave, session.plan_sha256)
    except DaemonError as error:
        missing = pb.ConditionReading(
            name="plan", value="not usable", source="artifacts", remedy=f"{error.message}; the app must schedule again"
        )
        return [*readings, missing]
    query = plan.plan.training.query
    place = world.place(enclave, query.collection)
    now_ms = world.clock.now_ms()
    facts = SessionFacts(
        consent=world.rules.consent(enclave),
        examples=world.store.stats(place).examples if place else 0,
        minimum_examples=max(1, query.minimum_examples),
        input_ready=not options.input or bool(world.parameters.in_use(enclave, options.input)),
        input_uri=options.input,
        due_ms=due_ms(session, world),
        now_ms=now_ms,
        package=session.enclave.package,
        collection=query.collection,
        budget_used_s=world.sessions.active_ms(enclave, now_ms - DAY_MS, now_ms + AHEAD_MS) / 1000,
        budget_s=world.limits.app_budget_s,
        trainer_of=trainer_of,
    )
    return [*readings, *session_readings(facts)]


def describe(session: Session, world: World, progress: Progress | None, trainer_of: str = "") -> pb.SessionStatus:
    """A session for its app and its device's owner. `progress` where a trainer works for it."""
    runs = world.sessions.runs(session.id)
    conditions = read_conditions(session, world, trainer_of)
    reasons = unmet(conditions) if session.state in {State.WAITING, State.SUSPENDED} else []
    if session.reason:
        reasons.append(session.reason)
    return pb.SessionStatus(
        options=session.options,
        state=session.state.name,
        reasons=reasons,
        step=progress.step if progress else (runs[0].steps if runs else 0),
        total_steps=progress.total_steps if progress else 0,
        loss=progress.loss if progress else 0.0,
        next_run_ms=0 if session.state is State.DONE else due_ms(session, world),
        last_run_ms=session.last_started_ms,
        output_version=world.parameters.in_use(session.enclave.number, session.options.output),
        attempts=[_attempt(run) for run in runs],
        conditions=conditions,
    )


def _attempt(run: Run) -> pb.Attempt:
    return pb.Attempt(
        started_ms=run.started_ms,
        ended_ms=run.ended_ms,
        outcome=run.outcome.name,
        reason=run.reason,
        steps=run.steps,
        examples=run.examples,
        holdout_examples=run.holdout_examples,
        suspensions=run.suspensions,
        metrics=[pb.MetricPair(name=m.name, before=m.before, after=m.after) for m in run.metrics],
    )
