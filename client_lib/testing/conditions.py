"""Whether the daemon would let a session run, in memory: the readings that `insitu train explain` shows."""

from client_lib.testing.collections import alive
from client_lib.testing.context import flag
from client_lib.testing.state import App, Session, State
from insitu.v1 import training_pb2 as pb

_SCRIPTED = {
    "idle": ("activity", "user_idle", True, "insitu context set activity user_idle=yes"),
    "charging": ("power", "charging", True, "insitu context set power charging=yes"),
    "unmetered": ("network", "metered", False, "insitu context set network connected=yes metered=no"),
}


def due_ms(session: Session) -> int:
    """From when on it wants to run. A crontab is taken to be due at once."""
    if session.state == pb.SUSPENDED or session.from_base or session.failures:
        return session.retry_ms
    if not session.last_ended_ms or not session.options.cadence.HasField("continuous"):
        return session.created_ms
    return session.last_ended_ms + max(1000, session.options.cadence.continuous.ToMilliseconds())


def example_count(session: Session, app: App, state: State) -> int:
    """In the collection of its plan."""
    collection = app.collections.get(session.plan.training.query.collection)
    return len(alive(collection, state.now_ms)) if collection else 0


def unmet(session: Session, app: App, state: State) -> list[str]:
    """One sentence for each reason why it does not run."""
    if session.state == pb.DONE:
        return ["it has run once, and is done"]
    return [f"{r.name}: {r.value}; {r.remedy}" for r in readings(session, app, state) if not r.satisfied]


def readings(session: Session, app: App, state: State) -> list[pb.ConditionReading]:
    """All conditions, each with its value, source and remedy."""
    query, input_uri = session.plan.training.query, session.options.input
    examples, wanted = example_count(session, app, state), max(1, query.minimum_examples)
    source = app.models.get(input_uri)
    due = due_ms(session) <= state.now_ms
    return [
        *(
            _device_reading(name, state)
            for name in _SCRIPTED
            if name != "unmetered" or session.options.requires_unmetered
        ),
        _reading(
            "consent",
            app.consent,
            "given" if app.consent else "not given",
            "the device's user",
            f"run: insitu consent give {app.package}",
        ),
        _reading(
            "examples",
            examples >= wanted,
            f"{examples}, at least {wanted} wanted",
            f"collection {query.collection}",
            "the app must add more examples",
        ),
        _reading(
            "input",
            not input_uri or bool(source and source.in_use),
            input_uri or "the plan's base parameters",
            "artifacts",
            f"the session that produces {input_uri} must run first",
        ),
        _reading("due", due, "yes" if due else "not yet", "cadence", "wait for its time, or schedule it more often"),
        _reading("budget", True, "0 s used in 24 hours", "training.app_budget_s", ""),
        _reading("trainer", True, "free", "the daemon", ""),
    ]


def _device_reading(name: str, state: State) -> pb.ConditionReading:
    type, feature, wanted, command = _SCRIPTED[name]
    known = flag(state, type, feature)
    value = "unknown" if known is None else "yes" if known is wanted else "no"
    return _reading(name, value == "yes", value, "scripted", f"run: {command}")


def _reading(name: str, satisfied: bool, value: str, source: str, remedy: str) -> pb.ConditionReading:
    return pb.ConditionReading(
        name=name, satisfied=satisfied, value=value, source=source, remedy="" if satisfied else remedy
    )
