"""Where the log goes: to standard error, which the journal, a terminal or a file takes."""

import enum
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from platform_daemon.logs.events import LogEvent, marked
from platform_daemon.logs.formatting import JournalFormatter, JsonFormatter, TextFormatter
from platform_daemon.logs.repeats import Repeats


class LogFormat(enum.Enum):
    AUTO = "auto"
    """Text on a terminal, JSON elsewhere."""
    TEXT = "text"
    JSON = "json"


class LogLevel(enum.Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def begin(
    level: LogLevel, format: LogFormat, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> Repeats:
    """Have all records of this process written. Replaces what was set up before; returns what withholds repetitions."""
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(format, out, os.environ if environ is None else environ))
    repeats = Repeats(time.monotonic)
    handler.addFilter(repeats)
    # An error inside a handler would print the record, whatever it holds.
    logging.raiseExceptions = False
    logging.basicConfig(level=level.value.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    sys.unraisablehook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    return repeats


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What the interpreter would print with all its words."""
    error = error or kind()
    logging.getLogger("insitud").error("uncaught", exc_info=error.with_traceback(trace), extra=marked(LogEvent.DEFECT))


def _formatter(format: LogFormat, stream: TextIO, environ: Mapping[str, str]) -> logging.Formatter:
    match format:
        case LogFormat.TEXT:
            return TextFormatter()
        case LogFormat.JSON:
            return JsonFormatter()
        case LogFormat.AUTO if _is_journal(stream, environ.get("JOURNAL_STREAM", "")):
            return JournalFormatter()
        case LogFormat.AUTO:
            return TextFormatter() if stream.isatty() else JsonFormatter()


def _is_journal(stream: TextIO, named: str) -> bool:
    """Whether systemd's variable names this very stream, and not that of a parent (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{found.st_dev}:{found.st_ino}"
