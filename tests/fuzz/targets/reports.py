"""What a trainer says: whatever it is, the session goes on from a state that it may be in, and nobody else notices."""

import asyncio
from itertools import count
from pathlib import Path

from google.protobuf.message import DecodeError

from insitu.v1 import training_pb2 as pb
from insitu.v1.trainer_pb2 import (
    Checkpoint,
    RunFinished,
    RunProgress,
    RunReady,
    RunSuspended,
    TrainerCommand,
    TrainerReport,
)
from insitu.v1.worker_pb2 import ChildError
from platform_daemon.children.framing import HEADER
from platform_daemon.training.run import TrainerGone
from platform_daemon.training.world import Limits
from tests.fuzz.target import FuzzTarget
from tests.training.simulator import APP, SimulatedDevice


class SayingTrainer:
    """Takes its examples, then says what it was given, and ends."""

    def __init__(self, reports: list[bytes]) -> None:
        self._reports = reports

    async def send(self, command: TrainerCommand) -> None: ...

    async def receive(self) -> TrainerReport:
        if not self._reports:
            raise TrainerGone("it ended")
        try:
            return TrainerReport.FromString(self._reports.pop(0))
        except DecodeError as error:
            raise TrainerGone(str(error)) from error

    async def end(self) -> None:
        self._reports.clear()


class SayingDevice(SimulatedDevice):
    def __init__(self, folder: Path) -> None:
        self.reports: list[bytes] = []
        super().__init__(folder, Limits())

    async def _spawn(self) -> SayingTrainer:  # type: ignore[override]
        return SayingTrainer(self.reports)


def target(folder: Path) -> FuzzTarget:
    numbers, loop = count(), asyncio.new_event_loop()

    async def make() -> SayingDevice:
        device = SayingDevice(folder)
        device.plans.add("p")
        device.add_examples(3)
        return device

    device = loop.run_until_complete(make())

    async def train(reports: list[bytes]) -> None:
        name = f"session-{next(numbers)}"
        output = f"artifact:/{name}/params"
        options = pb.TrainerOptions(session=name, plan="file:p", output=output, cadence=pb.Cadence(one_off=pb.OneOff()))
        device.reports = reports
        await device.service.schedule(APP, options, "p")
        await device.service.tick()
        await device.service.settled()
        assert device.service.status(APP.number, name).state in pb.SessionState.values()
        await device.service.stop(APP.number, name)

    def parse(data: bytes) -> None:
        loop.run_until_complete(train(cut(data)))

    return FuzzTarget(parse, (), seeds())


def cut(data: bytes) -> list[bytes]:
    """As many reports as there are lengths; the last may be short."""
    reports = []
    while len(data) >= HEADER.size and len(reports) < 8:
        (size,) = HEADER.unpack_from(data)
        reports.append(data[HEADER.size : HEADER.size + size])
        data = data[HEADER.size + size :]
    return reports


def seeds() -> list[bytes]:
    ready = TrainerReport(ready=RunReady(total_steps=10))
    progress = TrainerReport(progress=RunProgress(step=5, total_steps=10, loss=0.5))
    checkpoint = TrainerReport(checkpoint=Checkpoint(parameters=b"half", step=5))
    finished = TrainerReport(finished=RunFinished(parameters=b"trained", steps=10, accepted=True))
    error = TrainerReport(error=ChildError(status="INVALID_ARGUMENT", reason="BAD", message="bad"))
    suspended = TrainerReport(suspended=RunSuspended())
    stories = (
        (ready, progress, checkpoint, finished),
        (ready, error),
        (checkpoint, suspended),
        (finished, finished),
        (progress,),
    )
    return [
        b"".join(HEADER.pack(len(one)) + one for one in (report.SerializeToString() for report in story))
        for story in stories
    ]
