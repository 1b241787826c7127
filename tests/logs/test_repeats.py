"""The same trouble again and again is written a few times, then counted."""

import logging

from context.clock import ManualClock
from platform_daemon.logs.repeats import BURST, KEYS_REMEMBERED, WINDOW_S, Repeats


class Log:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.repeats = Repeats(self.clock.monotonic_s)

    def write(self, line: int = 1, level: int = logging.WARNING, **fields: object) -> int | None:
        """How many were withheld before it, or None where it was."""
        record = logging.LogRecord("x", level, "/x.py", line, "x", (), None)
        record.__dict__["fields"] = fields
        return int(getattr(record, "repeated", 0)) if self.repeats.filter(record) else None


def test_a_burst_passes_and_the_rest_is_counted_in_the_next_minute() -> None:
    log = Log()
    assert [log.write() for _ in range(BURST + 3)] == [0] * BURST + [None] * 3
    log.clock.advance(WINDOW_S - 1)
    assert log.write() is None
    log.clock.advance(1)
    assert log.write() == 4
    assert log.write() == 0
    assert log.repeats.withheld == 4


def test_different_troubles_do_not_silence_each_other() -> None:
    log = Log()
    while log.write(package="com.example.a") is not None:
        pass
    assert log.write(package="com.example.b") == 0
    assert log.write(source="sysfs") == 0
    assert log.write(line=2) == 0
    assert log.write(level=logging.ERROR) == 0


def test_what_is_no_warning_always_passes() -> None:
    log = Log()
    assert [log.write(level=logging.INFO) for _ in range(100)] == [0] * 100


def test_troubles_of_ever_new_names_take_bounded_memory_and_forget_the_oldest() -> None:
    log = Log()
    while log.write(package="first") is not None:
        pass
    for number in range(KEYS_REMEMBERED):
        assert log.write(package=f"p{number}") == 0
    assert log.write(package="first") == 0
    assert len(log.repeats._seen) == KEYS_REMEMBERED
