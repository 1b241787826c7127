"""`insitu train`: what trains, and why it does not."""

import time
from typing import TYPE_CHECKING

import click

from insitu_cli import output, owner

if TYPE_CHECKING:
    from insitu.v1.training_pb2 import Attempt, SessionStatus

_app_option = click.option("--app", "package", default="", help="Package, where several apps have such a session.")


@click.group()
def command() -> None:
    """See training sessions, learn why they do not run, stop them."""


@command.command("list")
@output.json_option
def list_sessions(as_json: bool) -> None:
    """List the training sessions of all apps.

    \b
    Example: insitu train list
    """
    with owner.connect() as control:
        found = control.sessions()
    if as_json:
        output.print_json(output.plain(found)["sessions"])
        return
    output.print_table(
        ("package", "session", "state", "progress", "output version", "last run", "why it waits"),
        [
            (
                entry.package,
                entry.status.options.session,
                output.enum_name(entry.status, "state"),
                _progress(entry.status),
                entry.status.output_version or "none",
                output.when(entry.status.last_run_ms),
                entry.status.reasons[0] if entry.status.reasons else "",
            )
            for entry in found.sessions
        ],
        empty="no training session is scheduled",
    )


@command.command()
@click.argument("session")
@_app_option
@output.json_option
def explain(session: str, package: str, as_json: bool) -> None:
    """Answer "why has it not run?": every condition, the last attempts, the next possible time.

    \b
    Example: insitu train explain words-session
    """
    with owner.connect() as control:
        found = control.explain_session(session, package)
    if as_json:
        output.print_json(output.plain(found))
        return
    status = found.status
    output.print_facts(
        [
            ("session", f"{status.options.session} of {found.package}"),
            ("state", output.enum_name(status, "state")),
            ("progress", _progress(status)),
            ("plan", status.options.plan),
            ("output", f"{status.options.output}, {_version(status)}"),
            ("last run", output.when(status.last_run_ms)),
            ("next possible", _next(status)),
        ]
    )
    for reason in _untold(status):
        click.echo(f"- {reason}")
    click.echo()
    _print_conditions(status)
    click.echo()
    _print_attempts(status)


@command.command()
@click.argument("session")
@_app_option
@output.json_option
def stop(session: str, package: str, as_json: bool) -> None:
    """Cancel a session's run and remove the session. What it produced stays.

    \b
    Example: insitu train stop words-session
    """
    with owner.connect() as control:
        control.stop_session(session, package)
    if as_json:
        output.print_json({"session": session, "stopped": True})
    else:
        click.echo(f"{session} is stopped")


def _print_conditions(status: "SessionStatus") -> None:
    output.print_table(
        ("condition", "holds", "value", "source", "since", "what would satisfy it"),
        [
            (
                reading.name,
                "yes" if reading.satisfied else "no",
                reading.value,
                reading.source,
                output.when(reading.since_ms) if reading.since_ms else "not known",
                reading.remedy,
            )
            for reading in status.conditions
        ],
        empty="no condition was read yet",
    )


def _print_attempts(status: "SessionStatus") -> None:
    output.print_table(
        ("attempt", "outcome", "steps", "examples", "held out", "suspended", "quality before and after", "reason"),
        [
            (
                output.when(attempt.started_ms),
                output.enum_name(attempt, "outcome"),
                attempt.steps,
                attempt.examples,
                attempt.holdout_examples,
                attempt.suspensions,
                _metrics(attempt),
                attempt.reason,
            )
            for attempt in status.attempts
        ],
        empty="it has not run yet",
    )


def _untold(status: "SessionStatus") -> list[str]:
    """Reasons that the table of conditions does not give."""
    remedies = [reading.remedy for reading in status.conditions if reading.remedy]
    return [reason for reason in status.reasons if not any(remedy in reason for remedy in remedies)]


def _next(status: "SessionStatus") -> str:
    if output.enum_name(status, "state") in ("done", "stopped"):
        return "never: it is over"
    if status.next_run_ms > time.time() * 1000:
        return output.when(status.next_run_ms)
    return "when the conditions hold"


def _metrics(attempt: "Attempt") -> str:
    return ", ".join(
        f"{pair.name} {output.number(pair.before)} to {output.number(pair.after)}" for pair in attempt.metrics
    )


def _progress(status: "SessionStatus") -> str:
    return f"{status.step} of {status.total_steps} steps" if status.total_steps else ""


def _version(status: "SessionStatus") -> str:
    return f"version {status.output_version}" if status.output_version else "not produced yet"
