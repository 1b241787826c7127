"""K13: plant values in the examples, context, accounts, parameters and checkpoints of a real daemon, take them back in
every way there is, kill the daemon meanwhile, and search all it leaves."""

import random
import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from client_lib import CollectionOptions, InsituError, Learning, OneOff, SessionState, SessionStatus, TrainerOptions
from client_lib.control import ControlClient
from context import SystemClock
from insitu.v1.example_pb2 import Features
from insitu.v1.plan_pb2 import Plan
from platform_daemon.store.timekeeping import SLACK_MS
from tests.daemon.harness import Daemon, eventually, running
from tests.faults.evidence import ended_in_order
from tests.faults.plans import COLLECTION, points
from tests.faults.thief import found, opened

EXAMPLES = 250
SHORT_TTL_S = 3
LONGEST_ERASURE_S = 0.15
CONTEXT = ("network", "power")


@dataclass(slots=True)
class Planted:
    """An app, and what must not be found once it is taken back."""

    package: str
    learning: Learning
    notes: list[bytes] = field(default_factory=list)
    """In examples; the second in those of an account."""
    contexts: list[bytes] = field(default_factory=list)
    """In the context of the same examples."""
    account: str = ""
    expired_ms: int = 0
    """From when on no key of the examples needs to be there."""
    learnt: list[bytes] = field(default_factory=list)
    """Pieces of the parameters and the checkpoint that were trained with all of them."""

    @property
    def all(self) -> list[bytes]:
        return [*self.notes, *self.contexts, self.account.encode(), *self.learnt]


@dataclass(frozen=True, slots=True)
class Erasure:
    name: str
    carry_out: Callable[[ControlClient, Planted], object]
    gone: Callable[[Planted], list[bytes]]
    trained: bool = True
    ttl_s: int = 86_400


ERASURES = (
    Erasure(
        "revoke",
        lambda control, app: control.set_permission(app.package, "network", granted=False),
        lambda app: [*app.contexts, *app.learnt],
    ),
    Erasure(
        "narrow",
        lambda control, app: control.set_permission(app.package, "network.kind", granted=False),
        lambda app: [*app.contexts, *app.learnt],
    ),
    Erasure(
        "clear",
        lambda control, app: control.clear_data(app.package, COLLECTION),
        lambda app: [*app.notes, *app.contexts, *app.learnt],
    ),
    Erasure(
        "clear an account",
        lambda control, app: control.clear_data(app.package, account=app.account),
        lambda app: [app.notes[1], app.contexts[1], app.account.encode(), *app.learnt],
    ),
    Erasure("wipe", lambda control, app: _removed(control, app.package), lambda app: app.all),
    Erasure(
        "expire",
        lambda control, app: None,
        lambda app: [*app.notes, *app.contexts],
        trained=False,
        ttl_s=SHORT_TTL_S,
    ),
)


def betray_nothing(count: int, seed: int, plan: Path) -> list[str]:
    """Erase so often; returns what was found that should be gone, or was not planted."""
    chance = random.Random(seed)
    order = [*ERASURES]
    chance.shuffle(order)
    failures: list[str] = []
    gone: dict[bytes, str] = {}
    with tempfile.TemporaryDirectory(prefix="k13-") as home, running(Path(home)) as daemon:
        plans = _plans(plan, daemon.home)
        for number in range(count):
            erasure = order[number % len(order)]
            app = _plant(daemon, f"com.example.canary{number}", erasure, plans)
            failures += [f"{erasure.name}: {len(left)} were not planted" for left in [_missing(daemon, app)] if left]
            _erase(daemon, app, erasure, chance)
            app.learning.close()
            gone |= dict.fromkeys(erasure.gone(app), f"{erasure.name} of {app.package}")
            daemon.kill() if chance.random() < 0.5 else daemon.stop()
            failures += [
                f"after {gone[secret]}: a canary in {place}" for secret, place in found(daemon.home, [*gone]).items()
            ]
            daemon.start()
            with daemon.control() as control:
                _removed(control, app.package)
            gone |= {secret: f"removal of {app.package}" for secret in app.all if secret not in gone}
        return failures + ended_in_order(daemon)


def _plant(daemon: Daemon, package: str, erasure: Erasure, plans: tuple[Path, Path]) -> Planted:
    learning = daemon.connect(daemon.new_app(package, context=CONTEXT))
    app = Planted(package, learning, account=f"account-{secrets.token_hex(8)}")
    ttl = timedelta(seconds=erasure.ttl_s)
    collection = learning.get_collection_client(CollectionOptions(COLLECTION, ttl=ttl, context=CONTEXT))
    daemon.idle_and_charging(False)
    for account in (None, app.account):
        note, kind = f"note-{secrets.token_hex(8)}", f"kind-{secrets.token_hex(8)}"
        app.notes.append(note.encode())
        app.contexts.append(kind.encode())
        _set_network(daemon, kind)
        collection.add_many(({**point, "note": note} for point in points(EXAMPLES)), account).result()
    # A bucket lasts a thirty-second longer than what is in it, and what a killed daemon had stored may bear a time that
    # is ahead by the slack.
    app.expired_ms = SystemClock().now_ms() + erasure.ttl_s * 1000 * 33 // 32 + SLACK_MS
    if erasure.trained:
        _train(daemon, app, *plans)
    return app


def _train(daemon: Daemon, app: Planted, short: Path, long: Path) -> None:
    """A version of parameters, and a checkpoint of a run that was interrupted."""
    daemon.idle_and_charging(True)
    with daemon.control() as control:

        def status(session: str) -> SessionStatus:
            return SessionStatus.from_wire(control.explain_session(session, app.package).status)

        _schedule(app, "short", short)
        eventually(lambda: status("short").state is SessionState.DONE, 60.0)
        _schedule(app, "long", long)
        eventually(lambda: status("long").step > 0, 60.0)
        daemon.idle_and_charging(False)
        eventually(lambda: status("long").state is SessionState.SUSPENDED, 60.0)


def _schedule(app: Planted, name: str, plan: Path) -> None:
    options = TrainerOptions(name, plan, f"artifact:/{name}/params", cadence=OneOff())
    app.learning.get_trainer_client(options).schedule()


def _missing(daemon: Daemon, app: Planted) -> list[bytes]:
    """What the search does not find although it is there: then it would prove nothing. Notes what was learnt."""
    daemon.stop()
    if any((daemon.home / "state" / "checkpoints").iterdir()):
        app.learnt = [
            piece
            for folder in ("personal", "checkpoints")
            for one in opened(daemon.home, folder)
            for piece in _piece(one)
        ]
    wanted = [secret for secret in app.all if secret]
    there = found(daemon.home, wanted)
    daemon.start()
    return [secret for secret in wanted if secret not in there]


def _piece(learnt: bytes) -> list[bytes]:
    """Something in the parameters that nothing else contains."""
    windows = (learnt[at : at + 32] for at in range(len(learnt) - 32, 0, -4))
    return [next(window for window in windows if len(set(window)) > 20)]


def _erase(daemon: Daemon, app: Planted, erasure: Erasure, chance: random.Random) -> None:
    """Begin, and kill the daemon on the way; then again, to the end."""
    if erasure.ttl_s == SHORT_TTL_S:
        eventually(lambda: SystemClock().now_ms() >= app.expired_ms)

    def carry_out() -> None:
        with daemon.control() as control:
            erasure.carry_out(control, app)

    def try_to() -> None:
        with suppress(InsituError):
            carry_out()

    for _ in range(chance.choice((1, 1, 2))):
        attempt = threading.Thread(target=try_to)
        attempt.start()
        attempt.join(chance.uniform(0.0, LONGEST_ERASURE_S))
        daemon.kill()
        attempt.join()
        daemon.start()
    carry_out()


def _removed(control: ControlClient, package: str) -> None:
    if any(app.package == package for app in control.apps().apps):
        control.remove_app(package)


def _set_network(daemon: Daemon, kind: str) -> None:
    features = Features()
    features.feature["kind"].bytes_list.value.append(kind.encode())
    with daemon.control() as control:
        control.set_scripted_context("network", features)


def _plans(plan: Path, home: Path) -> tuple[Path, Path]:
    """One that is done soon and one that is not, both on the context, so that their lineage contains it."""
    made = []
    for name, epochs in (("short", 20), ("long", 10_000)):
        altered = Plan.FromString(plan.read_bytes())
        altered.training.epochs = epochs
        altered.training.checkpoint_steps = 1000
        altered.training.query.context.extend(CONTEXT)
        made.append(home / f"{name}.train.plan")
        made[-1].write_bytes(altered.SerializeToString())
    short, long = made
    return short, long
