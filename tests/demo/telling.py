"""A made-up telling of the story, for tests of what is made of it."""

from client_lib import SessionState, SessionStatus
from insitu_cli.demo.results import AppResult, ContextUse, Digit, Interruption, Results, TrainingRun
from insitu_cli.demo.watch import Moment


def status(session: str, state: SessionState, step: int = 0, loss: float = 0.0) -> SessionStatus:
    return SessionStatus(session, state, (), step, 100 if step else 0, loss, 0, 0, 0, (), ())


def moment(at_s: float, charging: bool, first: SessionStatus, second: SessionStatus) -> Moment:
    return Moment(at_s, idle=True, charging=charging, sessions={"one": first, "two": second})


def moments() -> list[Moment]:
    """ "one" is suspended at step 40 while the device is unplugged, then "two" runs, then "one" to its end."""
    waits, done = status("two", SessionState.WAITING), status("two", SessionState.DONE)
    paused = status("one", SessionState.SUSPENDED, 40)
    return [
        moment(0.0, True, status("one", SessionState.RUNNING, 20, 0.9), waits),
        moment(1.0, True, status("one", SessionState.RUNNING, 40, 0.5), waits),
        moment(2.0, False, paused, waits),
        moment(4.0, True, paused, status("two", SessionState.RUNNING, 5, 0.7)),
        moment(5.0, True, status("one", SessionState.RUNNING, 60, 0.3), done),
        moment(6.0, True, status("one", SessionState.RUNNING, 90, 0.1), done),
        moment(7.0, True, status("one", SessionState.DONE, 100), done),
    ]


def app(name: str, before: float, after: float) -> AppResult:
    return AppResult(
        package=f"com.example.{name}",
        does="does <something>",
        engine="litert",
        base="trained on little",
        measure="accuracy",
        developer_rows=10,
        user_rows=100,
        test_rows=50,
        examples_stored=100,
        before=before,
        after=after,
        gain=after - before,
        parameters_version=1,
        context=(ContextUse("day", True, 100), ContextUse("power", False, 100)),
        run=TrainingRun("committed", "loss 0.9 → 0.1", 100, 80, 20, 1, {"loss": (0.9, 0.1)}),
    )


def results() -> Results:
    return Results(
        duration_s=12.3,
        phases_s={"start": 1.0, "train": 7.0},
        apps=(app("one", 0.5, 0.75), app("two", 0.6, 0.9)),
        interruption=Interruption("one", 38, 40, 60, 100, 2.0, "charging: no"),
        waiting_for=("charging: no; plug the device in",),
        daemon_restarted=False,
        digits=(Digit(tuple(i / 64 for i in range(64)), 3, 8, 3), Digit((0.5,) * 64, 4, 9, 7)),
    )
