"""`device` is any daemon that the protocol allows; `simulator` is one whose faults a test can choose."""

from collections.abc import Iterator

import pytest

from tests.client.devices import CHOSEN, DAEMONS, Device, simulated
from tests.client.simulator import SimulatedDaemon


@pytest.fixture(params=CHOSEN)
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    with DAEMONS[request.param]() as daemon:
        yield Device(daemon)


@pytest.fixture
def simulator() -> Iterator[SimulatedDaemon]:
    with simulated() as daemon:
        yield daemon
