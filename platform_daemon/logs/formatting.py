"""A record as one line: for people, or as JSON for programs. Both write what `fields.permitted` lets through."""

import json
import logging
import re
import time
from collections.abc import Mapping

from platform_daemon.logs.fields import Value, permitted
from platform_daemon.logs.outline import outline

FOREIGN = "library"
"""The event of a record that names none."""
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Of syslog(3); debug is 7."""


def reduced(record: logging.LogRecord) -> tuple[str, dict[str, Value]]:
    """The event of a record, and the fields of it that may be written."""
    event, given = getattr(record, "event", ""), getattr(record, "fields", None)
    if not isinstance(event, str) or not _EVENT.fullmatch(event):
        event, given = FOREIGN, {"library": record.name, "place": f"{record.module}:{record.lineno}"}
    fields = permitted(given) if isinstance(given, Mapping) else {}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields |= permitted({"error": outline(error)})
    repeated = getattr(record, "repeated", 0)
    return event, {**fields, **({"repeated": repeated} if repeated else {})}


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC, RFC 3339), level, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        event, fields = reduced(record)
        line = {"time": _time(record), "level": record.levelname.lower(), "event": event, **fields}
        return json.dumps(line, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event, fields = reduced(record)
        shown = "".join(f" {name}={_shown(value)}" for name, value in fields.items())
        return f"{_time(record)} {record.levelname} {event}{shown}"


class JournalFormatter(JsonFormatter):
    """With the priority before the line, which the journal takes off (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{super().format(record)}"


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, str) and (not value or " " in value) else str(value)
