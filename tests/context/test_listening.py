"""The thread that looks again whenever the kernel announces a change."""

import queue
import threading
from collections.abc import Iterator

import pytest

from context.sources.listening import KernelListener
from context.sources.netlink import is_uevent_of
from tests.context.kernel import A_PROCESS, PATIENCE_S, SimulatedKernel, uevent

SUPPLY = uevent("power_supply")


class Drill:
    """A listener for power supplies; `sight` is what it sees when it looks."""

    def __init__(self) -> None:
        self.kernel = SimulatedKernel()
        self.listener: KernelListener[str] = KernelListener("power", self.kernel.open, self._concerns)
        self.sight = "at the start"
        self.may_look = threading.Event()
        self.may_look.set()
        self.looking = threading.Event()
        self.looks = 0
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()

    def start(self) -> None:
        self.listener.start(self._look, self.told.put)

    def hear(self, count: int = 1) -> list[str]:
        return [self.told.get(timeout=PATIENCE_S) for _ in range(count)]

    def _concerns(self, announcement: bytes) -> bool:
        return is_uevent_of("power_supply", announcement)

    def _look(self) -> str:
        self.looks += 1
        self.looking.set()
        assert self.may_look.wait(PATIENCE_S)
        return self.sight


@pytest.fixture
def drill() -> Iterator[Drill]:
    drill = Drill()
    yield drill
    drill.may_look.set()
    drill.listener.stop()


def test_looks_at_the_start_then_at_each_announcement_and_again_when_it_has_settled(drill: Drill) -> None:
    drill.start()
    assert drill.hear() == ["at the start"]
    drill.sight = "plugged in"
    drill.kernel.announce(SUPPLY)
    assert drill.hear(2) == ["plugged in"] * 2
    assert drill.listener.listening
    assert drill.listener.failure == ""


@pytest.mark.parametrize(
    ("message", "port"),
    [
        (SUPPLY, A_PROCESS),
        (uevent("usb"), 0),
        (uevent("power_supply_not"), 0),
        (b"SUBSYSTEM=power_supply\0ACTION=change\0", 0),
        (b"", 0),
        (b"\xff" * 4096, 0),
    ],
    ids=["forged", "of others", "like it", "in place of the header", "empty", "nonsense"],
)
def test_what_is_not_the_kernels_or_of_others_is_ignored(message: bytes, port: int, drill: Drill) -> None:
    drill.start()
    drill.hear()
    drill.sight = "misled"
    drill.kernel.announce(message, port)
    drill.kernel.wait_until_all_is_taken()
    drill.sight = "plugged in"
    drill.kernel.announce(SUPPLY)
    assert drill.hear(2) == ["plugged in"] * 2


def test_lost_announcements_count_as_one(drill: Drill) -> None:
    drill.start()
    drill.hear()
    drill.sight = "whatever was lost"
    drill.kernel.lose_some()
    assert drill.hear(2) == ["whatever was lost"] * 2


def test_a_storm_costs_few_looks(drill: Drill) -> None:
    drill.start()
    drill.hear()
    drill.looking.clear()
    drill.may_look.clear()
    drill.kernel.announce(SUPPLY)
    assert drill.looking.wait(PATIENCE_S)
    for _ in range(100):
        drill.kernel.announce(SUPPLY)
    drill.may_look.set()
    drill.hear(4)
    drill.kernel.wait_until_all_is_taken()
    drill.listener.stop()
    assert drill.looks <= 5


def test_a_refused_socket_is_told_and_may_be_granted_later(drill: Drill) -> None:
    drill.kernel.refuses = True
    drill.start()
    assert not drill.listener.listening
    assert "cannot be heard: [Errno 1]" in drill.listener.failure
    drill.kernel.refuses = False
    drill.start()
    assert drill.listener.listening
    assert drill.listener.failure == ""


def test_a_failing_socket_ends_it(drill: Drill) -> None:
    drill.start()
    drill.hear()
    drill.kernel.fail()
    assert drill.kernel.subscribed[0].closed.wait(PATIENCE_S)
    assert "heard no more: OSError(5" in drill.listener.failure
    drill.listener.stop()
    assert not drill.listener.listening
    assert drill.listener.failure == ""


def test_starts_and_stops_repeatably_and_closes_its_sockets(drill: Drill) -> None:
    others = set(threading.enumerate())
    drill.listener.stop()
    for _ in range(3):
        drill.start()
        drill.start()
        drill.listener.stop()
        drill.listener.stop()
        assert not drill.listener.listening
    assert len(drill.kernel.subscribed) == 6
    assert all(subscriber.closed.is_set() for subscriber in drill.kernel.subscribed)
    assert set(threading.enumerate()) <= others


def test_a_driver_that_does_not_answer_holds_up_no_stop_and_is_not_believed_later(drill: Drill) -> None:
    drill.may_look.clear()
    drill.start()
    assert drill.looking.wait(PATIENCE_S)
    drill.listener.stop()
    assert not drill.listener.listening
    drill.may_look.set()
    assert drill.kernel.subscribed[0].closed.wait(PATIENCE_S)
    assert drill.told.empty()
