"""The sender's thread: order, room, closing."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_lib import Cancelled, DaemonNotRunning, InsituError, InvalidArgument, ResourceExhausted, Unavailable
from client_lib.retry import BACKGROUND, INTERACTIVE, RetryPolicy
from client_lib.tasks import Send, Sender, Start, gather


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


class Wire:
    """Where batches go that are sent ahead: answers when told to, in order; loses what is under way when cut."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.underway: list[Underway] = []
        self.lost = False
        self.connection = 0
        self.most_underway = 0
        self.lock = threading.Lock()

    def send(self, number: int) -> Send:
        def send(policy: RetryPolicy) -> int:
            self.store(number)
            return 1

        return send

    def start(self, number: int) -> Start:
        def start(after: Underway | None) -> Underway | None:
            with self.lock:
                if self.lost:
                    raise Unavailable("cut")
                if after is not None and after.connection != self.connection:
                    return None
                batch = Underway(self, number, self.connection)
                self.underway.append(batch)
                self.most_underway = max(self.most_underway, len(self.underway))
            return batch

        return start

    def store(self, number: int) -> None:
        if number not in self.stored:  # as the daemon knows it by its idempotency key
            self.stored.append(number)

    def answer_one(self) -> None:
        with self.lock:
            batch = self.underway.pop(0)
            self.store(batch.number)
        batch.answered.set()

    def cut(self) -> None:
        with self.lock:
            underway, self.underway = self.underway, []
            self.connection += 1
        for batch in underway:
            batch.answered.set()


class Underway:
    """A batch that was sent ahead."""

    def __init__(self, wire: Wire, number: int, connection: int) -> None:
        self.wire, self.number, self.connection = wire, number, connection
        self.answered = threading.Event()

    def wait(self) -> int:
        assert self.answered.wait(10)
        if self.number not in self.wire.stored:
            raise Unavailable("cut")
        return 1


class Answered:
    """A batch that was sent ahead and answered at once."""

    def __init__(self, error: InsituError | None = None) -> None:
        self.error = error

    def wait(self) -> int:
        if self.error is not None:
            raise self.error
        return 1


@given(
    st.lists(st.sampled_from(["submit", "submit", "submit", "answer", "cut", "stored, then cut", "down", "up"])),
    st.integers(1, 6),
)
def test_batches_keep_their_order_wherever_the_connection_is_cut(events: list[str], ahead: int) -> None:
    wire, sender, tasks = Wire(), Sender(ahead_bytes=ahead), []
    for event in events:
        match event:
            case "submit" if len(wire.underway) < ahead:
                number = len(tasks)
                tasks.append(sender.submit(wire.send(number), wire.start(number), 1))
            case "answer" if wire.underway:
                wire.answer_one()
            case "cut":
                wire.cut()
            case "stored, then cut" if wire.underway:
                with wire.lock:
                    wire.store(wire.underway[0].number)
                wire.cut()
            case "down":
                wire.lost = True
                wire.cut()
            case "up":
                wire.lost = False
    while wire.underway:
        wire.answer_one()
    assert [task.result(10) for task in tasks] == [1] * len(tasks)
    assert wire.stored == list(range(len(tasks)))
    assert wire.most_underway <= ahead
    sender.close(5)


class Refused(Underway):
    """One that the daemon takes only when it comes again."""

    def wait(self) -> int:
        assert self.answered.wait(10)
        raise ResourceExhausted("too fast", reason="QUOTA_RATE", detail="0.1")


def test_a_batch_that_is_refused_for_the_moment_comes_after_those_sent_ahead_behind_it() -> None:
    wire, sender = Wire(), Sender()
    refused = Refused(wire, 0, wire.connection)
    tasks = [sender.submit(wire.send(0), lambda _: refused, 1)]
    tasks += [sender.submit(wire.send(number), wire.start(number), 1) for number in (1, 2)]
    wire.answer_one()
    wire.answer_one()
    refused.answered.set()
    assert [task.result(10) for task in tasks] == [1, 1, 1]
    assert wire.stored == [1, 2, 0]
    sender.close(5)


def test_several_batches_are_on_their_way_at_a_time() -> None:
    wire, sender = Wire(), Sender(ahead_bytes=3)
    tasks = [sender.submit(wire.send(number), wire.start(number), 1) for number in range(3)]
    assert len(wire.underway) == 3
    fourth = threading.Thread(target=lambda: tasks.append(sender.submit(wire.send(3), wire.start(3), 1)))
    fourth.start()
    while wire.underway:
        wire.answer_one()
        fourth.join(0.05)
    fourth.join(5)
    while wire.underway:
        wire.answer_one()
    assert [task.result(5) for task in tasks] == [1] * 4
    assert wire.stored == [0, 1, 2, 3]
    sender.close(5)


def test_what_no_repetition_mends_is_told_and_holds_up_nobody() -> None:
    sender, sent = Sender(), []
    refusal = InvalidArgument("number 3 has no feature", field="examples")

    def send(policy: RetryPolicy) -> int:
        sent.append("again")
        return 1

    first = sender.submit(send, lambda after: Answered(refusal), 1)
    second = sender.submit(send, lambda after: Answered(), 1)
    assert isinstance(first.exception(5), InvalidArgument)
    assert second.result(5) == 1
    assert sent == []
    sender.close(5)
