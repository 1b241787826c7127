"""`device` is any daemon that the protocol allows; `served` is one in memory behind sockets, whose faults a test can
choose, and `memory` the same without sockets."""

from collections.abc import Iterator

import pytest

from client_lib import testing
from tests.client.devices import CHOSEN, DAEMONS, Device, InMemory, in_memory


@pytest.fixture(params=CHOSEN)
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    with DAEMONS[request.param]() as daemon:
        yield Device(daemon)


@pytest.fixture
def served() -> Iterator[InMemory]:
    with in_memory() as daemon:
        yield daemon


@pytest.fixture
def memory() -> Iterator[testing.Device]:
    with testing.Device() as device:
        yield device
