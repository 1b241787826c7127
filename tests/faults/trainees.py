"""An app whose sessions all end at the same parameters, however often they are disturbed: on the same examples, from
the same base."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client_lib import CollectionOptions, Learning, OneOff, SessionState, SessionStatus, TrainerOptions
from client_lib.control import ControlClient
from tests.daemon.harness import Daemon
from tests.faults.evidence import litter
from tests.faults.plans import COLLECTION, points

PACKAGE = "com.example.trainee"
EXAMPLES = 400
PATIENCE_S = 60.0


@dataclass
class Trainee:
    """A connection as the app, and one as the owner. Both outlive restarts of the daemon."""

    daemon: Daemon
    learning: Learning
    control: ControlClient
    plan: Path
    sessions: int = 0
    undisturbed: str = ""
    """SHA-256 of the parameters of a run that nobody disturbed."""
    undisturbed_s: float = 0.0
    total_steps: int = 0

    def schedule(self) -> str:
        """A new session; returns its name."""
        self.sessions += 1
        name = f"session-{self.sessions}"
        output = f"artifact:/{name}/params"
        self.learning.get_trainer_client(TrainerOptions(name, self.plan, output, cadence=OneOff())).schedule()
        return name

    def status(self, session: str) -> SessionStatus:
        return SessionStatus.from_wire(self.control.explain_session(session, PACKAGE).status)

    def trainer_pid(self) -> int:
        """0 where none runs."""
        return next((int(one.pid) for one in self.control.status().processes if one.role == "trainer"), 0)

    def wait_until_over(self, session: str) -> SessionStatus:
        """The status of an ended session, or of one that does not end."""
        until = time.monotonic() + PATIENCE_S
        while not is_over(status := self.status(session)) and time.monotonic() < until:
            time.sleep(0.02)
        return status

    def parameters(self, session: str) -> list[str]:
        """SHA-256 of all versions that a session has produced."""
        artifacts = self.control.models(PACKAGE).artifacts
        return [v.sha256 for one in artifacts if one.uri == f"artifact:/{session}/params" for v in one.versions]

    def failures_of(self, session: str) -> list[str]:
        """What is not as it must be once the session is over."""
        status = self.wait_until_over(session)
        failures = []
        if status.state is not SessionState.DONE or status.attempts[0].outcome is not SessionState.COMMITTED:
            failures.append(f"{session} ended as {status.state.name}: {status.reasons}, {status.attempts[:1]}")
        elif status.attempts[0].steps != self.total_steps or len(status.attempts) != 1:
            failures.append(f"{session} took {[one.steps for one in status.attempts]} steps, not {self.total_steps}")
        if self.parameters(session) != [self.undisturbed]:
            failures.append(f"{session} produced {self.parameters(session)}, undisturbed it is {self.undisturbed}")
        return failures

    def litter(self) -> list[str]:
        """What stays although nobody trains; children get a moment to end."""
        until = time.monotonic() + 10.0
        while (found := litter(self.daemon)) and time.monotonic() < until:
            time.sleep(0.05)
        return [f"left behind: {one}" for one in found]


def is_over(status: SessionStatus) -> bool:
    """FAILED waits for another try, which comes much later."""
    return status.state in {SessionState.DONE, SessionState.FAILED} or (
        status.state is SessionState.WAITING and bool(status.attempts) and status.attempts[0].ended_ms > 0
    )


@contextmanager
def trainee(daemon: Daemon, plan: Path) -> Iterator[Trainee]:
    """An app with examples, whose first session nobody disturbs. The device is idle and charging."""
    with daemon.connect(daemon.new_app(PACKAGE)) as learning, daemon.control() as control:
        learning.get_collection_client(CollectionOptions(COLLECTION)).add_many(points(EXAMPLES)).result()
        one = Trainee(daemon, learning, control, plan)
        daemon.idle_and_charging(True)
        session, began_s = one.schedule(), time.monotonic()
        status = one.wait_until_over(session)
        assert status.state is SessionState.DONE, status
        one.undisturbed_s = time.monotonic() - began_s
        (one.undisturbed,) = one.parameters(session)
        one.total_steps = status.attempts[0].steps
        yield one
