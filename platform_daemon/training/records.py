"""Durable sessions and their runs, in the daemon's state database."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from insitu.v1.training_pb2 import TrainerOptions
from platform_daemon.state.database import Database
from platform_daemon.training.states import State
from platform_daemon.transport.calls import Enclave

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    enclave INTEGER NOT NULL,
    package TEXT NOT NULL,
    uid INTEGER NOT NULL,
    name TEXT NOT NULL,
    options BLOB NOT NULL,
    plan_sha256 TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_started_ms INTEGER NOT NULL DEFAULT 0,
    last_ended_ms INTEGER NOT NULL DEFAULT 0,
    retry_ms INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    from_base INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (enclave, name)
);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL DEFAULT 0,
    outcome INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    last_sequence INTEGER NOT NULL DEFAULT 0,
    start_uri TEXT NOT NULL,
    start_version INTEGER NOT NULL,
    steps INTEGER NOT NULL DEFAULT 0,
    examples INTEGER NOT NULL DEFAULT 0,
    holdout_examples INTEGER NOT NULL DEFAULT 0,
    suspensions INTEGER NOT NULL DEFAULT 0,
    active_ms INTEGER NOT NULL DEFAULT 0,
    metrics TEXT NOT NULL DEFAULT '[]',
    context TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS runs_by_session ON runs (session, id DESC)
"""

ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Session:
    id: int
    enclave: Enclave
    name: str
    options: TrainerOptions
    plan_sha256: str
    state: State
    created_ms: int
    last_started_ms: int = 0
    last_ended_ms: int = 0
    retry_ms: int = 0
    """Not to be tried before, after a failure."""
    failures: int = 0
    """In a row."""
    from_base: bool = False
    """The next run starts at the plan's base parameters, because what was learnt since had to be forgotten."""
    reason: str = ""
    """Why the last attempt failed or was put off."""


@dataclass(frozen=True, slots=True)
class MetricPair:
    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt. While `ended_ms` is 0 it goes on, or is suspended."""

    id: int
    session: int
    started_ms: int
    start_uri: str
    start_version: int
    """Artifact and version that the run started from and is compared with; "" and 0 for the base parameters."""
    last_sequence: int = 0
    """The run reads examples up to here, so that a resumed run sees what it saw at its start; 0 until it has read."""
    outcome: State = State.RUNNING
    ended_ms: int = 0
    reason: str = ""
    steps: int = 0
    examples: int = 0
    holdout_examples: int = 0
    suspensions: int = 0
    active_ms: int = 0
    """How long a trainer worked on it, without the suspensions."""
    metrics: tuple[MetricPair, ...] = ()
    context: frozenset[str] = frozenset()
    """Context types that the examples contained."""


class SessionRepository:
    """Sessions and runs. Methods block for as long as SQLite takes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, enclave: int, name: str) -> Session | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM sessions WHERE enclave=? AND name=?", (enclave, name)).fetchone()
        return None if row is None else _session(row)

    def get(self, session_id: int) -> Session | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM sessions WHERE id=?", (session_id,)).fetchone()
        return None if row is None else _session(row)

    def all(self, enclave: int | None = None) -> list[Session]:
        where, values = ("", ()) if enclave is None else (" WHERE enclave=?", (enclave,))
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(f"SELECT * FROM sessions{where} ORDER BY id", values)]

    def create(self, enclave: Enclave, options: TrainerOptions, plan_sha256: str, now_ms: int) -> Session:
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO sessions (enclave, package, uid, name, options, plan_sha256, state, created_ms)"
                " VALUES (?,?,?,?,?,?,?,?)",
                (
                    enclave.number,
                    enclave.package,
                    enclave.uid,
                    options.session,
                    options.SerializeToString(deterministic=True),
                    plan_sha256,
                    State.CREATED.value,
                    now_ms,
                ),
            )
        assert cursor.lastrowid is not None
        return Session(cursor.lastrowid, enclave, options.session, options, plan_sha256, State.CREATED, now_ms)

    def save(self, session: Session) -> None:
        """Write what may change of a session. One that was removed meanwhile stays removed."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sessions SET options=?, plan_sha256=?, state=?, last_started_ms=?, last_ended_ms=?, retry_ms=?,"
                " failures=?, from_base=?, reason=? WHERE id=?",
                (
                    session.options.SerializeToString(deterministic=True),
                    session.plan_sha256,
                    session.state.value,
                    session.last_started_ms,
                    session.last_ended_ms,
                    session.retry_ms,
                    session.failures,
                    session.from_base,
                    session.reason,
                    session.id,
                ),
            )

    def remove(self, session_id: int) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE id=?", (session_id,))

    def move(self, from_uid: int, to_uid: int) -> None:
        """Give one OS user's sessions to another, with the enclaves."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE sessions SET uid = ? WHERE uid = ?", (to_uid, from_uid))

    def begin_run(self, session: Session, now_ms: int, start_uri: str, start_version: int) -> Run:
        """Start a new run, and forget the oldest ones."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (session, started_ms, outcome, start_uri, start_version) VALUES (?,?,?,?,?)",
                (session.id, now_ms, State.RUNNING.value, start_uri, start_version),
            )
            connection.execute(
                "DELETE FROM runs WHERE session=? AND id NOT IN"
                " (SELECT id FROM runs WHERE session=? ORDER BY id DESC LIMIT ?)",
                (session.id, session.id, ATTEMPTS_KEPT),
            )
        assert cursor.lastrowid is not None
        return Run(cursor.lastrowid, session.id, now_ms, start_uri, start_version)

    def save_run(self, run: Run) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET last_sequence=?, ended_ms=?, outcome=?, reason=?, steps=?, examples=?,"
                " holdout_examples=?, suspensions=?, active_ms=?, metrics=?, context=? WHERE id=?",
                (
                    run.last_sequence,
                    run.ended_ms,
                    run.outcome.value,
                    run.reason,
                    run.steps,
                    run.examples,
                    run.holdout_examples,
                    run.suspensions,
                    run.active_ms,
                    json.dumps([[m.name, m.before, m.after] for m in run.metrics]),
                    json.dumps(sorted(run.context)),
                    run.id,
                ),
            )

    def conclude(self, session: Session, run: Run) -> None:
        """Save both in one transaction."""
        with self._database.transaction():
            self.save_run(run)
            self.save(session)

    def runs(self, session_id: int) -> list[Run]:
        """Newest first."""
        with self._database.read() as connection:
            rows: Iterable[sqlite3.Row] = connection.execute(
                "SELECT id, session, started_ms, last_sequence, start_uri, start_version, outcome, ended_ms, reason,"
                " steps, examples, holdout_examples, suspensions, active_ms, metrics, context"
                " FROM runs WHERE session=? ORDER BY id DESC",
                (session_id,),
            )
            return [_run(row) for row in rows]

    def active_ms(self, enclave: int, since_ms: int, until_ms: int) -> int:
        """How long trainers worked for an enclave in runs that began in this time, both ends included."""
        with self._database.read() as connection:
            (total,) = connection.execute(
                "SELECT COALESCE(SUM(active_ms), 0) FROM runs JOIN sessions ON sessions.id = runs.session"
                " WHERE enclave=? AND runs.started_ms BETWEEN ? AND ?",
                (enclave, since_ms, until_ms),
            ).fetchone()
        return int(total)

    def open_run(self, session_id: int) -> Run | None:
        """The run that is not over."""
        runs = self.runs(session_id)
        return runs[0] if runs and not runs[0].ended_ms else None


def _session(row: sqlite3.Row) -> Session:
    number, enclave, package, uid, name, options, plan, state, *rest = row
    created_ms, last_started_ms, last_ended_ms, retry_ms, failures, from_base, reason = rest
    return Session(
        id=number,
        enclave=Enclave(enclave, package, uid),
        name=name,
        options=TrainerOptions.FromString(options),
        plan_sha256=plan,
        state=State(state),
        created_ms=created_ms,
        last_started_ms=last_started_ms,
        last_ended_ms=last_ended_ms,
        retry_ms=retry_ms,
        failures=failures,
        from_base=bool(from_base),
        reason=reason,
    )


def _run(row: sqlite3.Row) -> Run:
    number, session, started_ms, last_sequence, start_uri, start_version, outcome, ended_ms, reason, *rest = row
    steps, examples, holdout_examples, suspensions, active_ms, metrics, context = rest
    return Run(
        id=number,
        session=session,
        started_ms=started_ms,
        start_uri=start_uri,
        start_version=start_version,
        last_sequence=last_sequence,
        outcome=State(outcome),
        ended_ms=ended_ms,
        reason=reason,
        steps=steps,
        examples=examples,
        holdout_examples=holdout_examples,
        suspensions=suspensions,
        active_ms=active_ms,
        metrics=tuple(MetricPair(*metric) for metric in json.loads(metrics)),
        context=frozenset(json.loads(context)),
    )
