"""A device in memory: real session records and decisions, a trainer that trains by counting, and a clock to turn."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from context.clock import ManualClock
from insitu.v1.example_pb2 import Example, Features
from insitu.v1.plan_pb2 import ExampleQuery, Plan, TrainingInstructions
from insitu.v1.trainer_pb2 import (
    Checkpoint,
    MetricValues,
    RunFinished,
    RunProgress,
    RunReady,
    RunSuspended,
    TrainerCommand,
    TrainerReport,
)
from platform_daemon.errors import FailedPrecondition
from platform_daemon.state.database import Database
from platform_daemon.store.memory import MemoryStore
from platform_daemon.store.store import Batch, Place, Retention
from platform_daemon.training.checkpoints import CheckpointFolder
from platform_daemon.training.conditions import DevicePolicy, Observation
from platform_daemon.training.records import SCHEMA, SessionRepository
from platform_daemon.training.run import TrainerGone
from platform_daemon.training.service import TrainingService
from platform_daemon.training.world import Grants, Limits, NewVersion, TrainingPlan, World
from platform_daemon.transport.calls import Enclave

APP = Enclave(1, "com.example.one", 1000)
OTHER_APP = Enclave(2, "com.example.two", 1000)
TOTAL_STEPS = 10


class SimulatedTrainer:
    """Speaks the trainer's protocol. Takes a step each time the test says so; its parameters are the step count."""

    def __init__(self) -> None:
        self.examples = 0
        self.step = 0
        self.began = asyncio.Event()
        self.ended = False
        self.start_parameters = b""
        self._reports: asyncio.Queue[TrainerReport | None] = asyncio.Queue()

    async def send(self, command: TrainerCommand) -> None:
        if self.ended:
            raise TrainerGone("ended")
        match command.WhichOneof("command"):
            case "start":
                self.start_parameters = command.start.parameters
                self.step = command.start.checkpoint.step
            case "examples":
                self.examples += len(command.examples.examples)
            case "begin":
                self._report(TrainerReport(ready=RunReady(total_steps=TOTAL_STEPS)))
                self.began.set()
            case "suspend":
                self.checkpoint()
                self._report(TrainerReport(suspended=RunSuspended()))
            case "abort":
                self._report(TrainerReport(suspended=RunSuspended()))

    async def receive(self) -> TrainerReport:
        report = await self._reports.get()
        if report is None:
            raise TrainerGone("killed")
        return report

    async def end(self) -> None:
        self.kill()

    def kill(self) -> None:
        if not self.ended:
            self.ended = True
            self._reports.put_nowait(None)

    def advance(self, steps: int) -> None:
        self.step += steps
        self._report(TrainerReport(progress=RunProgress(step=self.step, total_steps=TOTAL_STEPS, loss=1 / self.step)))

    def checkpoint(self) -> None:
        self._report(TrainerReport(checkpoint=Checkpoint(parameters=b"half", step=self.step)))

    def finish(self, *, accepted: bool = True) -> None:
        self._report(TrainerReport(progress=RunProgress(step=self.step, total_steps=TOTAL_STEPS, evaluating=True)))
        metric = MetricValues(name="accuracy", before=0.5, after=0.9 if accepted else 0.4)
        finished = RunFinished(parameters=b"trained", steps=TOTAL_STEPS, accepted=accepted, metrics=[metric])
        self._report(TrainerReport(finished=finished))

    def _report(self, report: TrainerReport) -> None:
        self._reports.put_nowait(report)


@dataclass
class KeptParameters:
    """Mutable artifacts in memory."""

    versions: dict[tuple[int, str], list[NewVersion]] = field(default_factory=dict)

    def in_use(self, enclave: int, uri: str) -> int:
        return len(self.versions.get((enclave, uri), []))

    def read(self, enclave: int, uri: str, version: int) -> bytes:
        return self.versions[enclave, uri][version - 1].parameters

    async def publish(self, enclave: int, uri: str, new: NewVersion) -> int:
        self.versions.setdefault((enclave, uri), []).append(new)
        return self.in_use(enclave, uri)

    def produced_by(self, enclave: int, uri: str, run: int) -> int:
        runs = [new.run for new in self.versions.get((enclave, uri), [])]
        return runs.index(run) + 1 if run in runs else 0


class KeptPlans:
    def __init__(self) -> None:
        self.plans: dict[str, TrainingPlan] = {}
        self.kept: set[tuple[int, str]] = set()

    def add(self, sha256: str, *, minimum_examples: int = 1, holdout_share: float = 0.0) -> str:
        query = ExampleQuery(
            collection="words", minimum_examples=minimum_examples, holdout_share=holdout_share, context=["power"]
        )
        plan = Plan(name="test", version="1.0.0", base_parameters=b"base", training=TrainingInstructions(query=query))
        self.plans[sha256] = TrainingPlan(plan, None, plan.SerializeToString)
        return sha256

    def training_plan(self, enclave: int, sha256: str) -> TrainingPlan:
        if sha256 not in self.plans:
            raise FailedPrecondition("the plan is not on the device")
        return self.plans[sha256]

    def keep(self, enclave: int, purpose: str, sha256: str) -> None:
        self.kept.add((enclave, purpose))

    def let_go(self, enclave: int, purpose: str) -> None:
        self.kept.discard((enclave, purpose))


class OpenSealer:
    """Keeps what was sealed readable until its scope is destroyed."""

    def __init__(self) -> None:
        self.scopes: set[tuple[int, str]] = set()

    def seal(self, enclave: int, name: str, plaintext: bytes) -> bytes:
        self.scopes.add((enclave, name))
        return plaintext

    def open(self, enclave: int, name: str, sealed: bytes) -> bytes:
        if (enclave, name) not in self.scopes:
            raise KeyError(name)
        return sealed

    def destroy_named(self, enclave: int, names: Iterable[str]) -> int:
        doomed = {(enclave, name) for name in names} & self.scopes
        self.scopes -= doomed
        return len(doomed)


class SimulatedDevice:
    """Conditions, consent and grants as the test sets them; state survives `restart`."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.plans = KeptPlans()
        self.parameters = KeptParameters()
        self.consents = {APP.number, OTHER_APP.number}
        self.conditions = {name: Observation(True, "test") for name in ("idle", "charging", "unmetered")}
        self.trainers: list[SimulatedTrainer] = []
        self._folder = folder
        self._limits = limits
        self._sealer = OpenSealer()
        self.service = self._start()

    def consent(self, enclave: int) -> bool:
        return enclave in self.consents

    def grants(self, enclave: int) -> Grants:
        return Grants(frozenset({"power"}), lambda _, features: features)

    def add_examples(self, count: int, enclave: Enclave = APP) -> None:
        example = Example()
        example.features.feature["x"].float_list.value.append(1.0)
        place = Place(enclave.number, enclave.number)
        blobs = [example.SerializeToString()] * count
        self.store.add(Batch(place, 0, blobs, Retention(ttl_ms=30 * 86_400_000)))

    def set(self, **conditions: bool | None) -> None:
        self.conditions.update({name: Observation(value, "test") for name, value in conditions.items()})

    def restart(self) -> None:
        """A killed daemon starts again: memory is gone, the state folder is not."""
        self.database.close()
        self.service = self._start()

    async def trainer(self) -> SimulatedTrainer:
        """Tick, and wait until a trainer has what it needs."""
        before = len(self.trainers)
        await self.service.tick()
        await until(lambda: len(self.trainers) > before)
        await self.trainers[-1].began.wait()
        await asyncio.sleep(0)
        return self.trainers[-1]

    async def _spawn(self) -> SimulatedTrainer:
        self.trainers.append(SimulatedTrainer())
        return self.trainers[-1]

    def _start(self) -> TrainingService:
        self.database = Database(self._folder / "state.db", (SCHEMA,))
        self.sessions = SessionRepository(self.database)
        world = World(
            clock=self.clock,
            store=self.store,
            sessions=self.sessions,
            checkpoints=CheckpointFolder(self._folder / "checkpoints", self._sealer, KeyError),
            plans=self.plans,
            parameters=self.parameters,
            rules=self,
            place=lambda enclave, name: Place(enclave, enclave),
            observe=lambda: self.conditions,
            policy=DevicePolicy(),
            spawn=self._spawn,
            limits=self._limits,
        )
        service = TrainingService(world)
        service.recover()
        return service


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until something holds; what never does fails by the test's own timeout."""
    while not condition():  # noqa: ASYNC110 - the conditions are plain state
        await asyncio.sleep(0.001)


def features_of(**values: int) -> bytes:
    features = Features()
    for name, value in values.items():
        features.feature[name].int64_list.value.append(value)
    return features.SerializeToString()
