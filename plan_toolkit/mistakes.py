"""What the author's own model or loss raises becomes a BadArgument that says where it failed and why."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from plan_toolkit.errors import BadArgument, ToolkitError

_MAX_CAUSE = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# How Keras and autograph begin a message before they come to the point.
_PREAMBLE = re.compile(r"Exception encountered when calling|in user code:|File \"")


@contextmanager
def mistakes_of(argument: str, what_fails: str) -> Iterator[None]:
    """Around a call of the author's code. Refusals of the toolkit pass through.

    Raises:
        BadArgument: naming `argument`; the author's error is its cause.
    """
    try:
        yield
    except ToolkitError:
        raise
    except Exception as error:
        # The model is the author's program: it raises whatever it likes.
        raise BadArgument(argument, f"{what_fails}: {point_of(error)}") from error


def point_of(error: Exception) -> str:
    """One line: the error's type, and the first line of its message that says what is wrong."""
    lines = [line for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    if lines and lines[0].startswith("in user code:"):
        # A quoted traceback; the message follows, headed by the type of the error.
        lines = [match[1] for line in lines if (match := re.match(r" {4}\w+: (.*)", line))] or lines
    telling = [line.strip() for line in lines if not _PREAMBLE.match(line.strip())]
    said = (telling or [""])[0]
    return f"{type(error).__name__}: {said if len(said) <= _MAX_CAUSE else f'{said[:_MAX_CAUSE]}…'}"
