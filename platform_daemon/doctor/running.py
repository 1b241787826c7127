"""Checks of what a daemon says of itself, or of why none answers."""

from collections.abc import Iterable, Mapping

from insitu.v1 import control_pb2
from insitu.v1.training_pb2 import FAILED, ConditionReading
from platform_daemon.doctor.findings import Check, Finding, notice, problem
from platform_daemon.doctor.snapshot import Snapshot

_PATIENCE = frozenset({"due", "trainer", "budget"})
"""Conditions that come about by themselves."""
_CONDITIONS = {"idle": ("activity", "user_idle"), "charging": ("power", "charging")}
"""What every run needs, and where it is read."""


def answers(seen: Snapshot) -> Iterable[Finding]:
    """No daemon that answers, or one of another release than the installed."""
    folders = seen.folders
    if seen.daemon is not None:
        running = seen.daemon.status.version
        if running != seen.version:
            message = f"the running daemon is version {running}, installed is {seen.version}"
            yield notice(
                "daemon", message, "restart it: systemctl --user restart insitu, or end it and insitu daemon run"
            )
    elif seen.refusal:
        yield problem(
            "daemon", f"the daemon refuses: {seen.refusal}", "run insitu doctor as the user whose daemon it is"
        )
    elif folders.socket_held_by or folders.store_held_by:
        pid = folders.socket_held_by or folders.store_held_by
        message = f"process {pid} holds the state folder or the socket, but no daemon answers"
        yield problem("daemon", message, f"wait if it has just been started, else: kill {pid}")
    elif folders.control_socket.exists and not (seen.unopened or seen.unassembled):
        message = f"a daemon that has died left {folders.control_socket.path}, and none runs"
        yield problem("daemon", message, "insitu daemon run, which clears it away")
    elif seen.configuration is None or seen.unopened or seen.unassembled:
        yield problem("daemon", "no daemon runs", "mend what keeps it from starting, then: insitu daemon run")
    else:
        yield problem("daemon", "no daemon runs", "insitu daemon run")


def losses(seen: Snapshot) -> Iterable[Finding]:
    """What the store could not give back: records that failed authentication, and examples that are gone."""
    if seen.daemon is None:
        return
    for app in seen.daemon.data:
        damaged = sum(collection.records for collection in app.damaged)
        if damaged:
            message = f"{damaged} stored records of {app.package} failed authentication and are set aside"
            yield problem("store", message, "check the disk (smartctl, dmesg); restore a backup if they matter")
        lost = sum(collection.lost_examples for collection in app.collections)
        if lost:
            message = f"{lost} acknowledged examples of {app.package} are gone from the disk"
            yield problem("store", message, "check the disk (smartctl, dmesg); restore a backup if they matter")


def apps(seen: Snapshot) -> Iterable[Finding]:
    """Apps that wait for a decision of the owner."""
    for app in seen.daemon.apps if seen.daemon else ():
        if app.state == control_pb2.REQUESTED:
            yield notice("app", f"{app.package} waits for approval", f"insitu app approve {app.package}")
        elif not app.consent:
            message = f"{app.package} may not collect, since nobody has consented"
            yield notice("app", message, f"insitu consent give {app.package}, or insitu app remove {app.package}")


def context(seen: Snapshot) -> Iterable[Finding]:
    """Sources that fail, and context types that nobody knows."""
    if seen.daemon is None:
        return
    for failure in seen.daemon.status.context_failures:
        what, _, why = failure.partition(": ")
        yield problem("context", f"{what}: {why}", "mend it, or choose another under [context] sources in insitu.toml")
    for reading in seen.daemon.readings:
        if reading.features.feature:
            continue
        if reading.source == "scripted":
            message = f"{reading.type} is unknown, for nobody has set it"
            yield notice("context", message, f"insitu context set {reading.type} FEATURE=VALUE")
        else:
            yield notice("context", _unknown(reading), _choose_source(reading.type))


def eligibility(seen: Snapshot) -> Iterable[Finding]:
    """Conditions of training that no source knows and nobody has assumed: unknown never counts as satisfied."""
    if seen.daemon is None:
        return
    readings = {reading.type: reading for reading in seen.daemon.readings}
    assumed = seen.daemon.status.assumed_conditions
    for condition, (context_type, feature) in _CONDITIONS.items():
        if condition not in assumed and not _knows(readings, context_type, feature):
            listed = ", ".join(f'"{name}"' for name in (*assumed, condition))
            message = f"nothing is trained, since no source knows whether the device is {condition}"
            remedy = f"write assume = [{listed}] under [training] in insitu.toml and restart the daemon"
            scripted = context_type in readings and readings[context_type].source == "scripted"
            other = f"insitu context set {context_type} {feature}=yes" if scripted else _choose_source(context_type)
            yield problem("training", message, f"{remedy}, or {other}")


def clock(seen: Snapshot) -> Iterable[Finding]:
    """A wall clock that nothing has confirmed."""
    if seen.daemon is None or not seen.daemon.status.clock.unconfirmed_since_ms:
        return
    found = seen.daemon.status.clock
    side, hours = ("ahead of" if found.lead_ms > 0 else "behind"), abs(found.lead_ms) / 3_600_000
    why = f"the wall clock is {hours:,.1f} h {side} confirmed time"
    if found.notes_lost:
        why = "the store's notes on the time were lost, and nothing has confirmed the wall clock since"
    message = (
        f"{why}: what has expired is hidden, but not destroyed before "
        f"{found.needs_ms / 3_600_000:,.1f} h of running without a jump"
    )
    remedy = (
        "sudo timedatectl set-ntp true confirms it at once; insitu data unhide after a mistaken clock is right again"
    )
    yield notice("clock", message, remedy)


def sessions(seen: Snapshot) -> Iterable[Finding]:
    """Training that failed, or that waits for something which does not come about by itself."""
    for session in seen.daemon.sessions if seen.daemon else ():
        name = f"the session {session.status.options.session} of {session.package}"
        if session.status.state == FAILED:
            why = next(iter(session.status.reasons), "its last attempt failed")
            yield problem("session", f"{name} failed: {why}", _explain(session))
            continue
        for condition in session.status.conditions:
            if not condition.satisfied and condition.name not in (*_PATIENCE, *_CONDITIONS):
                yield notice(
                    "session", f"{name} does not run: {condition.name} is {_value(condition)}", condition.remedy
                )


def _knows(readings: Mapping[str, control_pb2.ContextReading], context_type: str, feature: str) -> bool:
    """A full battery on mains counts as charging."""
    found = readings.get(context_type)
    return found is not None and (feature in found.features.feature or "on_battery" in found.features.feature)


def _unknown(reading: control_pb2.ContextReading) -> str:
    if reading.source:
        return f"{reading.type} is unknown: the source {reading.source} finds nothing on this device"
    return f"{reading.type} is unknown: this device has no source of it"


def _choose_source(context_type: str) -> str:
    return f'write scripted = true and sources = {{ {context_type} = "scripted" }} under [context], and set it yourself'


def _value(condition: ConditionReading) -> str:
    return condition.value or "not satisfied"


def _explain(session: control_pb2.AppSession) -> str:
    return f"insitu train explain {session.status.options.session} --app {session.package}"


CHECKS: tuple[Check, ...] = (answers, losses, clock, apps, context, eligibility, sessions)
