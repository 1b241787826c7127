"""The sender's thread: order, room, closing."""

import threading
from collections.abc import Callable

import pytest

from client_lib import Cancelled, DaemonNotRunning
from client_lib.retry import BACKGROUND, INTERACTIVE, RetryPolicy
from client_lib.tasks import Sender, gather


def stores(count: int) -> Callable[[RetryPolicy], int]:
    return lambda policy: count


def test_a_task_sums_its_batches() -> None:
    sender = Sender()
    task = gather([sender.submit(stores(count)) for count in (1000, 1000, 7)])
    assert (task.result(), task.stored) == (2007, 2007)
    sender.close(5)


def test_who_is_faster_than_the_daemon_waits() -> None:
    sender, gate, submitted = Sender(capacity=2), threading.Event(), threading.Semaphore(0)

    def waits(policy: RetryPolicy) -> int:
        gate.wait()
        return 1

    def submit_three() -> None:
        for _ in range(3):
            sender.submit(waits)
            submitted.release()

    thread = threading.Thread(target=submit_three)
    thread.start()
    assert submitted.acquire(timeout=5)
    assert submitted.acquire(timeout=5)
    assert not submitted.acquire(timeout=0.05)
    gate.set()
    thread.join()
    sender.close(5)


def test_closing_cancels_what_it_cannot_send_in_time() -> None:
    sender, gate = Sender(), threading.Event()

    def waits(policy: RetryPolicy) -> int:
        gate.wait()
        return 1

    first, second = gather([sender.submit(waits)]), gather([sender.submit(waits)])
    sender.close(0.01)
    with pytest.raises(Cancelled, match="before the examples were sent"):
        second.result(timeout=5)
    gate.set()
    assert first.result(timeout=5) == 1
    with pytest.raises(Cancelled):
        sender.submit(stores(1))
    with pytest.raises(Cancelled):
        sender.flush()
    sender.close(1)


def test_only_the_first_batch_waits_for_a_daemon_that_is_gone() -> None:
    sender = Sender()
    seen: list[RetryPolicy] = []

    def fails(policy: RetryPolicy) -> int:
        seen.append(policy)
        raise DaemonNotRunning("/run/insitu.sock")

    def works(policy: RetryPolicy) -> int:
        seen.append(policy)
        return 1

    tasks = [gather([sender.submit(send)]) for send in (fails, fails, works, works)]
    for task in tasks:
        task.exception()
    assert seen == [BACKGROUND, INTERACTIVE, INTERACTIVE, BACKGROUND]
    sender.close(5)
