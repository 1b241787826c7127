"""Removing an app when its data cannot be erased at once."""

import asyncio
from pathlib import Path

import pytest

from insitu.v1 import control_pb2 as pb
from platform_daemon.errors import NotFound, ResourceExhausted
from platform_daemon.handlers.control import AppsPart
from platform_daemon.transport.calls import Enclave
from tests.access.simulated_app import PACKAGE, Device, SimulatedApp, caller


class Forgetting:
    """Refuses for as long as the disk is full."""

    def __init__(self) -> None:
        self.full = True
        self.forgotten: list[int] = []

    async def remove(self, enclave: Enclave) -> None:
        if self.full:
            raise ResourceExhausted("the disk has no room: free some space and repeat", reason="DISK_FULL")
        self.forgotten.append(enclave.number)


def test_a_removal_that_the_disk_refused_is_listed_and_can_be_repeated(tmp_path: Path) -> None:
    device, forgetting = Device(tmp_path), Forgetting()
    part = AppsPart(device.authority, device.apps, device.sessions, forgetting)  # type: ignore[arg-type]

    async def states() -> list[tuple[str, int]]:
        listed = await part.list_apps(pb.ListAppsRequest(), caller())
        return [(app.package, app.state) for app in listed.apps]

    async def scenario(app: SimulatedApp) -> None:
        await app.be_approved(device)
        await app.register(device)
        enclave = device.apps.enclave(PACKAGE, 1000)
        removal = pb.RemoveAppRequest(package=PACKAGE)
        for _ in range(2):
            with pytest.raises(ResourceExhausted):
                await part.remove_app(removal, caller())
            assert await states() == [(PACKAGE, pb.REMOVING)]
        await part.take_up()
        assert await states() == [(PACKAGE, pb.REMOVING)]
        forgetting.full = False
        await part.remove_app(removal, caller())
        assert await states() == []
        assert forgetting.forgotten == [enclave.number]
        with pytest.raises(NotFound):
            await part.remove_app(removal, caller())

    asyncio.run(scenario(SimulatedApp()))
