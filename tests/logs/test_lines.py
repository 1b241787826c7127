"""What becomes of a record: which fields, in which form, and what never."""

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_daemon.logs import LogEvent, LogFormat, LogLevel, begin, marked, outline
from platform_daemon.logs.fields import FIELDS, UNFIT, permitted
from platform_daemon.logs.formatting import JournalFormatter, JsonFormatter, TextFormatter

CANARY = "canary 4711, Rosenweg 3"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log, as JSON; afterwards everything is as it was."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    begin(LogLevel.DEBUG, LogFormat.JSON, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    logging.raiseExceptions = True


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def record(message: str = "x", level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("platform_daemon.x", level, "/a/b/x.py", 7, message, (), None)
    made.__dict__.update(extra)
    return made


def test_an_event_has_its_name_and_its_fields(lines: io.StringIO) -> None:
    logger = logging.getLogger("platform_daemon.test")
    logger.info(
        "a %s", CANARY, extra=marked(LogEvent.CALL, method="/insitu.v1.Collections/Add", status="OK", took_s=0.25)
    )
    (line,) = read(lines)
    assert line.pop("time", "").__str__().endswith("Z")
    assert line == {
        "level": "info", "event": "call_ended", "method": "/insitu.v1.Collections/Add", "status": "OK", "took_s": 0.25,
    }  # fmt: skip


@given(st.text(max_size=60))
def test_no_text_field_takes_a_strangers_sentence(words: str) -> None:
    """Every field of text but a child's own words is a closed form: what has a space, a quote or a letter of another
    script in it is no reason, no name and no place."""
    foreign = f"{words} Süße \u2028"
    for name in set(FIELDS) - {"text", "error", "place"}:
        assert permitted({name: foreign}) == {name: UNFIT}
    assert permitted({"error": foreign, "place": foreign}) == {"error": UNFIT, "place": UNFIT}


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}, b"x", object(), float("nan"), "a\nb", -1, 2**70])
def test_durations_take_nothing_else(value: object) -> None:
    assert permitted({"took_s": value})["took_s"] == UNFIT


def test_what_is_not_listed_is_left_out() -> None:
    assert permitted({"account": "anna", "value": 3, "uri": "file:/x", "features": "x", "status": "OK"}) == {
        "status": "OK"
    }


def test_a_record_without_an_event_keeps_its_place_and_nothing_that_it_says(lines: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("some.library").exception("%s and %s", CANARY, {"x": CANARY})
    (line,) = read(lines)
    assert (line["event"], line["library"]) == ("library", "some.library")
    assert str(line["place"]).startswith("test_lines:")
    assert str(line["error"]).startswith("ValueError at logs/test_lines.py:")
    assert "canary" not in lines.getvalue()


@pytest.mark.parametrize("event", [CANARY, "Daemon", "", 7, None, "x" * 65])
def test_an_event_is_a_word_or_none(event: object) -> None:
    line = json.loads(JsonFormatter().format(record(event=event, fields={"status": "OK"})))
    assert line["event"] == "library"
    assert "status" not in line


def test_what_the_interpreter_would_print_is_reduced_too(lines: io.StringIO) -> None:
    def fail() -> None:
        raise KeyError(CANARY)

    class Failing:
        def __del__(self) -> None:
            raise KeyError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    held = Failing()
    del held
    try:
        fail()
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    assert [line["event"] for line in read(lines)] == ["defect"] * 3
    assert all(str(line["error"]).startswith("KeyError at ") for line in read(lines))
    assert "canary" not in lines.getvalue()


def test_a_record_that_cannot_be_formatted_is_not_printed_instead(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("x").info("%d", CANARY)
    logging.getLogger("x").info("x", extra={"event": "defect", "fields": CANARY})
    assert "canary" not in lines.getvalue() + "".join(capsys.readouterr())
    assert len(read(lines)) == 2


def test_an_outline_names_causes_first_and_no_folder_of_a_person() -> None:
    def fail() -> None:
        try:
            {}["canary"]
        except KeyError as error:
            raise RuntimeError("canary") from error

    with pytest.raises(RuntimeError) as failed:
        fail()
    text = outline(failed.value)
    assert text.index("KeyError at logs/test_lines.py:") < text.index(", then RuntimeError at ")
    assert "canary" not in text
    assert str(Path(__file__).parent) not in text
    assert permitted({"error": text}) == {"error": text}


def test_an_endless_error_has_a_bounded_outline() -> None:
    def deeper(level: int) -> None:
        try:
            deeper(level - 1) if level else 1 / 0
        except (ArithmeticError, ValueError) as error:
            raise ValueError(level) from error

    with pytest.raises(ValueError, match="90") as failed:
        deeper(90)
    text = outline(failed.value)
    assert permitted({"error": text}) == {"error": text}
    assert 100 < len(text) <= 4000


def test_text_for_people() -> None:
    made = record(event="child_output", fields={"role": "worker", "took_s": 0.123456789, "text": "no module x"})
    line = TextFormatter().format(made).split(" ", 1)[1]
    assert line == 'INFO child_output role=worker took_s=0.123457 text="no module x"'


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)]
)
def test_the_journal_is_told_the_priority(level: int, priority: int) -> None:
    line = JournalFormatter().format(record(level=level))
    assert line.startswith(f"<{priority}>{{")
    json.loads(line[3:])


@pytest.mark.usefixtures("lines")
def test_the_form_follows_where_the_log_goes(tmp_path: Path) -> None:
    def written(environ: dict[str, str], format: LogFormat = LogFormat.AUTO, terminal: bool = False) -> str:
        primary, secondary = os.openpty() if terminal else (-1, -1)
        with open(secondary, "w") if terminal else (tmp_path / "log").open("w") as stream:
            if environ.get("JOURNAL_STREAM") == "this":
                found = os.fstat(stream.fileno())
                environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
            begin(LogLevel.INFO, format, stream, environ)
            logging.getLogger("x").info("hello")
            stream.flush()
            if terminal:
                return os.read(primary, 1000).decode()
        return (tmp_path / "log").read_text()

    assert written({})[0] == "{"
    assert written({"JOURNAL_STREAM": "this"})[:4] == "<6>{"
    assert written({"JOURNAL_STREAM": "1:2"})[0] == "{"
    assert written({"JOURNAL_STREAM": "this"}, LogFormat.TEXT)[0].isdigit()
    assert " INFO library" in written({}, terminal=True)
    assert written({}, LogFormat.JSON, terminal=True)[0] == "{"
