"""Power and network, told by the kernel when to look, and the manager that keeps their readings."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from context import ContextManager, ContextRegistry, ManualClock, Mode, Observation, Value
from context.sources import SysfsNetwork, SysfsPower
from context.sources.netlink import OpenSocket
from tests.context.kernel import PATIENCE_S, Overheard, SimulatedKernel, uevent
from tests.context.machines import battery, link, mains, write_tree

REGISTRY = ContextRegistry()


class OverheardPower(Overheard, SysfsPower):
    pass


class OverheardNetwork(Overheard, SysfsNetwork):
    pass


@dataclass(frozen=True)
class Case:
    """How a type's machine looks before and after a change, and how its kernel announces that."""

    type: str
    make: Callable[[Path, OpenSocket, ManualClock], OverheardPower | OverheardNetwork]
    before: Mapping[str, str]
    after: Mapping[str, str]
    feature: str
    announcement: bytes


CASES = (
    Case(
        "power",
        lambda root, open_socket, clock: OverheardPower(root, open_socket=open_socket, clock=clock),
        battery("Discharging", 42) | mains(0),
        battery("Charging", 42) | mains(1),
        "charging",
        uevent("power_supply"),
    ),
    Case(
        "network",
        lambda root, open_socket, clock: OverheardNetwork(root, open_socket=open_socket, clock=clock),
        link("eth0", "down", device="/"),
        link("eth0", "up", device="/"),
        "connected",
        b"any message of rtnetlink",
    ),
)


class Device:
    """One source of a simulated machine, and its manager."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case = case
        self.root = write_tree(root, case.before)
        self.clock = ManualClock()
        self.kernel = SimulatedKernel()
        self.source = case.make(self.root, self.kernel.open, self.clock)
        self.manager = ContextManager(self.clock, REGISTRY, [self.source])

    def start(self) -> None:
        self.manager.start()
        if not self.kernel.refuses:
            self.source.hear()

    def change(self, *, announced: bool) -> None:
        write_tree(self.root, self.case.after)
        if announced:
            self.kernel.announce(self.case.announcement)

    def pass_time(self, seconds: int) -> None:
        """With the daemon's poll each second."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.manager.poll()

    @property
    def value(self) -> Value | None:
        reading = self.manager.reading(self.case.type)
        return None if reading is None else reading.values.get(self.case.feature)


@pytest.fixture(params=CASES, ids=lambda case: case.type)
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Device]:
    device = Device(request.param, tmp_path)
    yield device
    device.manager.stop()


def test_a_change_is_heard_without_a_poll(device: Device) -> None:
    device.start()
    assert device.source.mode is Mode.LISTENER
    assert device.value is False
    device.change(announced=True)
    device.source.hear()
    assert device.value is True
    assert device.manager.failures == []


def test_lost_announcements_are_made_up_for(device: Device) -> None:
    device.start()
    device.change(announced=False)
    device.kernel.lose_some()
    device.source.hear()
    assert device.value is True


def test_a_reading_holds_while_nothing_changes_at_a_thirtieth_of_the_reads(device: Device) -> None:
    device.start()
    before = device.source.looks
    for _ in range(1000):
        device.pass_time(1)
        assert device.value is False
    assert device.source.looks - before == 33
    assert device.source.mode is Mode.LISTENER
    device.source.stop()
    before = device.source.looks
    device.pass_time(1000)
    assert device.source.looks - before == 1000


def test_where_the_kernel_refuses_it_is_polled_and_the_owner_told(device: Device) -> None:
    device.kernel.refuses = True
    device.start()
    assert device.source.mode is Mode.ONE_SHOT
    (failure,) = device.manager.failures
    assert failure.startswith(f"source sysfs for {device.case.type}: polls, for the kernel's announcements cannot be")
    device.change(announced=False)
    device.pass_time(1)
    assert device.value is True


def test_after_a_listeners_death_its_last_word_expires_unless_it_is_polled(device: Device) -> None:
    device.start()
    device.kernel.fail()
    assert device.kernel.subscribed[0].closed.wait(PATIENCE_S)
    assert device.source.mode is Mode.ONE_SHOT
    device.change(announced=False)
    device.clock.advance(59.999)
    assert device.value is False
    device.clock.advance(0.001)
    assert device.manager.reading(device.case.type) is None
    device.pass_time(1)
    assert device.value is True
    (failure,) = device.manager.failures
    assert "heard no more" in failure


def test_changes_that_the_kernel_does_not_announce_end_the_listening(device: Device) -> None:
    device.start()
    device.change(announced=False)
    device.pass_time(30)
    modes = [device.source.mode]
    assert device.value is True
    device.pass_time(30)
    modes.append(device.source.mode)
    assert modes == [Mode.LISTENER, Mode.ONE_SHOT]
    (failure,) = device.manager.failures
    assert "does not announce" in failure
    write_tree(device.root, device.case.before)
    device.pass_time(1)
    assert device.value is False


def test_a_change_that_is_announced_after_it_was_read_does_not(device: Device) -> None:
    device.start()
    device.change(announced=False)
    device.manager.refresh(device.case.type)
    device.clock.advance(1)
    device.manager.refresh(device.case.type)
    device.kernel.announce(device.case.announcement)
    device.source.hear(2)
    device.pass_time(100)
    assert device.source.mode is Mode.LISTENER


def test_a_jump_of_the_wall_clock_is_made_up_for_by_the_next_poll(device: Device) -> None:
    device.start()
    device.clock.jump(-3600)
    assert device.manager.reading(device.case.type) is None
    device.manager.poll()
    assert device.value is False


def test_a_level_that_falls_unannounced_is_read_in_time(tmp_path: Path) -> None:
    device = Device(CASES[0], tmp_path)
    device.start()
    for level in (41, 40, 39):
        write_tree(device.root, battery("Discharging", level))
        device.pass_time(30)
        reading = device.manager.reading("power")
        assert reading is not None
        assert reading.values["battery_level"] == level / 100
    assert device.source.mode is Mode.LISTENER
    device.manager.stop()


class StuckPower(SysfsPower):
    """Its driver stops answering."""

    def __init__(self, root: Path, open_socket: OpenSocket) -> None:
        super().__init__(root, open_socket=open_socket)
        self.answers = threading.Event()
        self.answers.set()

    def _look(self) -> Observation | None:
        assert self.answers.wait(PATIENCE_S)
        return super()._look()


def test_a_driver_that_stops_answering_lets_the_reading_expire(tmp_path: Path) -> None:
    clock, kernel = ManualClock(), SimulatedKernel()
    source = StuckPower(write_tree(tmp_path, mains(1)), kernel.open)
    manager = ContextManager(clock, REGISTRY, [source])
    manager.start()
    source.answers.clear()
    kernel.announce(uevent("power_supply"))
    clock.advance(59)
    assert manager.reading("power") is not None
    clock.advance(1)
    assert manager.reading("power") is None
    source.answers.set()
    manager.stop()
