"""Where the contract of the client library holds: a real daemon over each transport, and the device in memory; each
called by the library that blocks, and by the one that is awaited."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from client_lib import InsituError, Learning, aio, testing
from client_lib.control import ControlClient
from client_lib.learning import TransportName
from client_lib.transport import Method, Request, Response
from tests.client.awaited import BlockingLearning, Loop
from tests.daemon.harness import Daemon, eventually

QUOTA_EXAMPLES = 3000
"""Of each app, everywhere."""
QUOTA_NAMES = 8
"""Of accounts, and of collections, of each app."""


class World(Protocol):
    def connect(self, package: str, *, consent: bool = True, context: tuple[str, ...] = ()) -> Any:
        """A connection of an app that is approved, with the surface of Learning."""
        ...

    def call(self, learning: Any, method: Method[Request, Response], request: Request) -> Response:
        """One call as the library makes it, session and repetitions included."""
        ...

    @property
    def owner(self) -> ControlClient: ...

    def idle_and_charging(self, idle: bool) -> None: ...

    def set_power(self, charging: bool) -> None: ...

    def pass_time(self, seconds: float, until: Callable[[], bool]) -> None:
        """Let so much time pass, after which something holds."""
        ...

    def train(self, package: str, session: str, until: Callable[[], bool]) -> None:
        """Let a session run that the daemon would let run, to its end, which something shows."""
        ...

    def stored_context(self, package: str, collection: str) -> dict[str, set[str]]:
        """Names of the context features that are stored, by type."""
        ...

    def can_predict(self, plan: Path, function: testing.Predict) -> None:
        """Where no graph is run, the function says what the plan predicts."""
        ...


class RealWorld:
    def __init__(self, daemon: Daemon, transport: TransportName, loop: Loop | None) -> None:
        self._daemon = daemon
        self._transport: TransportName = transport
        self._loop = loop
        self._owner = daemon.control()

    def connect(self, package: str, *, consent: bool = True, context: tuple[str, ...] = ()) -> Any:
        path = self._daemon.home / f"{package}.json"
        if not path.exists():
            self._daemon.new_app(package, context=context, consent=consent)
        if self._loop is None:
            return Learning.connect(
                package=package, credentials=path, socket=self._daemon.socket, transport=self._transport
            )
        connecting = aio.Learning.connect(
            package=package, credentials=path, socket=self._daemon.socket, transport=self._transport
        )
        return BlockingLearning(self._loop, connecting)

    def call(self, learning: Any, method: Method[Request, Response], request: Request) -> Response:
        return _call(learning, method, request)

    @property
    def owner(self) -> ControlClient:
        return self._owner

    def idle_and_charging(self, idle: bool) -> None:
        self._daemon.idle_and_charging(idle)

    def set_power(self, charging: bool) -> None:
        self._daemon.set_context("power", charging=int(charging), on_battery=int(not charging))

    def pass_time(self, seconds: float, until: Callable[[], bool]) -> None:
        eventually(until, timeout_s=seconds + 20)

    def train(self, package: str, session: str, until: Callable[[], bool]) -> None:
        eventually(until, timeout_s=60)

    def stored_context(self, package: str, collection: str) -> dict[str, set[str]]:
        return self._daemon.stored_context(package, collection)

    def can_predict(self, plan: Path, function: testing.Predict) -> None:
        assert plan.exists()


class MemoryWorld:
    def __init__(self, device: testing.Device, loop: Loop | None) -> None:
        self._device = device
        self._loop = loop

    def connect(self, package: str, *, consent: bool = True, context: tuple[str, ...] = ()) -> Any:
        if self._loop is None:
            return self._device.connect(package, consent=consent, context=context)
        return BlockingLearning(self._loop, self._device.connect_async(package, consent=consent, context=context))

    def call(self, learning: Any, method: Method[Request, Response], request: Request) -> Response:
        return _call(learning, method, request)

    @property
    def owner(self) -> ControlClient:
        return self._device.owner

    def idle_and_charging(self, idle: bool) -> None:
        self._device.idle_and_charging(idle)

    def set_power(self, charging: bool) -> None:
        self._device.set_context("power", charging=charging, on_battery=not charging)

    def pass_time(self, seconds: float, until: Callable[[], bool]) -> None:
        self._device.advance(timedelta(seconds=seconds))
        assert until()

    def train(self, package: str, session: str, until: Callable[[], bool]) -> None:
        self._device.run(package, session, testing.Commit({"accuracy": (0.4, 0.9)}))
        assert until()

    def stored_context(self, package: str, collection: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for example in self._device.stored(package, collection):
            for type, features in example.context.items():
                found.setdefault(type, set()).update(features)
        return found

    def can_predict(self, plan: Path, function: testing.Predict) -> None:
        self._device.predicts(plan, function)


WORLDS = ("memory", "memory awaited", "lane", "lane awaited", "grpc", "grpc awaited")


@contextmanager
def world(name: str, daemon: Callable[[], Daemon]) -> Iterator[World]:
    """`daemon` is asked for only where the world has one."""
    kind, _, awaited = name.partition(" ")
    with ExitStack() as closing:
        loop = Loop() if awaited else None
        if loop is not None:
            closing.callback(loop.close)
        if kind == "memory":
            device = closing.enter_context(testing.Device())
            device.limits.examples = QUOTA_EXAMPLES
            device.limits.accounts, device.limits.collections = QUOTA_NAMES, QUOTA_NAMES
            yield MemoryWorld(device, loop)
        else:
            real = RealWorld(daemon(), "lane" if kind == "lane" else "grpc", loop)
            closing.callback(real.owner.close)
            yield real


def plan_in(folder: Path, kind: str) -> Path:
    (plan,) = folder.rglob(f"*.{kind}.plan")
    return plan


class refused:
    """Expects a failure of this kind, reason and field."""

    def __init__(self, kind: type[InsituError], reason: str, field: str | None = None) -> None:
        self._expected = (kind, reason, field)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, InsituError):
            assert error is not None, f"nothing was refused, {self._expected} was expected"
            return False
        assert (type(error), error.reason, error.field) == self._expected, error
        return True


def _call(learning: Any, method: Method[Request, Response], request: Request) -> Response:
    caller = learning if isinstance(learning, BlockingLearning) else learning._connection
    response: Response = caller.call(method, request)
    return response
