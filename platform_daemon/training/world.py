"""What training needs from the rest of the primary, as interfaces that `app` fills and tests replace."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from context.clock import Clock
from insitu.v1.plan_pb2 import Plan
from platform_daemon.store.store import Place, Store
from platform_daemon.training.checkpoints import CheckpointFolder
from platform_daemon.training.conditions import DevicePolicy, Observation
from platform_daemon.training.records import MetricPair, SessionRepository
from platform_daemon.training.run import TrainerProcess
from platform_daemon.training.training_set import Permit, Predicate


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A linted training plan."""

    plan: Plan
    """Without graph and base parameters."""
    predicate: Predicate | None
    read: Callable[[], bytes]
    """The whole, as stored. Blocks. Raises DaemonError."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What an enclave's models may learn from now."""

    types: frozenset[str]
    permit: Permit


@dataclass(frozen=True, slots=True)
class NewVersion:
    """Accepted parameters, and where they come from."""

    parameters: bytes
    plan_name: str
    plan_version: str
    context: frozenset[str]
    collection: str
    parents: tuple[tuple[str, int], ...]
    """URI and version of the parameters that training started from."""
    metrics: Sequence[MetricPair]
    run: int
    """Identifies the run, so that a commit that is repeated after a crash is recognised."""


class Plans(Protocol):
    def training_plan(self, enclave: int, sha256: str) -> TrainingPlan:
        """Raises DaemonError where the plan is not on the device, damaged, or no training plan."""
        ...

    def keep(self, enclave: int, purpose: str, sha256: str) -> None:
        """Hold on to a plan while a purpose needs it; a purpose holds one plan."""
        ...

    def let_go(self, enclave: int, purpose: str) -> None: ...


class Parameters(Protocol):
    """Mutable artifacts of an enclave, by `artifact:` URI."""

    def in_use(self, enclave: int, uri: str) -> int:
        """Version number, 0 where none was produced."""
        ...

    def read(self, enclave: int, uri: str, version: int) -> bytes:
        """Raises DaemonError where the version is gone."""
        ...

    async def publish(self, enclave: int, uri: str, new: NewVersion) -> int:
        """Warm the new parameters up where they are served, then put them into use. Returns their version."""
        ...

    def produced_by(self, enclave: int, uri: str, run: int) -> int:
        """The version that a run has already published, 0 for none."""
        ...


class Rules(Protocol):
    def consent(self, enclave: int) -> bool: ...

    def grants(self, enclave: int) -> Grants: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard training may use the device."""

    grace_s: float = 1.0
    """A trainer gets so long for its last checkpoint when it is suspended."""
    run_cap_s: float = 585.0
    """A run that takes longer is suspended, and others get their turn."""
    app_budget_s: float = 4 * 3600.0
    """Training time of one app in 24 hours."""


@dataclass(frozen=True, slots=True)
class World:
    clock: Clock
    store: Store
    sessions: SessionRepository
    checkpoints: CheckpointFolder
    plans: Plans
    parameters: Parameters
    rules: Rules
    place: Callable[[int, str], Place | None]
    """The collection of an enclave by its name."""
    observe: Callable[[], Mapping[str, Observation]]
    """The device conditions, by name."""
    policy: DevicePolicy
    spawn: Callable[[], Awaitable[TrainerProcess]]
    limits: Limits = Limits()
