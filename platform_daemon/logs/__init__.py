"""What the daemon writes about itself: events with fields, never words of an app.

    fields.py      what may be written at all: the one list, checked when a line is made
    events.py      the events, by stable names
    outline.py     an error without its message
    formatting.py  a record as text or as JSON
    repeats.py     the same warning again and again is written a few times and then counted
    setup.py       where it goes
    output.py      what child processes print

A package below the daemon marks its records by hand: `extra={"event": "name", "fields": {…}}`. A record without an
event, such as a library's, is reduced to its logger, its place and the outline of its error.
"""

from platform_daemon.logs.events import LogEvent, marked
from platform_daemon.logs.outline import outline
from platform_daemon.logs.setup import LogFormat, LogLevel, begin

__all__ = ["LogEvent", "LogFormat", "LogLevel", "begin", "marked", "outline"]
