"""Messages of what an app gives: what a field cannot hold is the app's to change, and told by the field's name."""

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from client_lib.errors import InvalidArgument

Filled = TypeVar("Filled", bound=Message)
Wanted = TypeVar("Wanted")


def unfit(field: str, value: object, wanted: str) -> InvalidArgument:
    """The error for what no message can hold."""
    return InvalidArgument(f"{field}: {ascii(value)[:80]} does not fit; give {wanted}", field=field)


def fill(message: Filled, at: str = "", /, **values: object) -> Filled:
    """Set fields, but those that are None. Raises InvalidArgument with `at` and the name of what does not fit."""
    for name, value in values.items():
        if value is not None:
            try:
                setattr(message, name, value)
            except (TypeError, ValueError) as error:
                kind = _KINDS.get(message.DESCRIPTOR.fields_by_name[name].type, "a value of its type")
                raise unfit(at + name, value, kind) from error
    return message


def to_duration(field: str, value: object) -> Duration:
    """Raises InvalidArgument naming the field of what is no timedelta."""
    duration = Duration()
    try:
        duration.FromTimedelta(expect(timedelta, field, value))
    except ValueError as error:
        raise unfit(field, value, "a shorter timedelta") from error
    return duration


def expect(kind: type[Wanted], field: str, value: object) -> Wanted:
    """The value, which is of that class. Raises InvalidArgument."""
    if isinstance(value, kind):
        return value
    raise unfit(field, value, f"a {kind.__name__}")


def check_text(field: str, value: object) -> None:
    """Raises InvalidArgument for what is no text, as a lone surrogate is none."""
    try:
        expect(str, field, value).encode()
    except UnicodeEncodeError as error:
        raise unfit(field, value, _TEXT) from error


def to_path(field: str, value: object) -> Path:
    """A path that a file can have. Raises InvalidArgument: of another type, with a NUL, or in the home of nobody."""
    if isinstance(value, str | os.PathLike):
        try:
            path = Path(value).expanduser()
            if b"\0" not in os.fsencode(path):
                return path
        except (TypeError, UnicodeEncodeError, RuntimeError) as error:
            raise unfit(field, value, _PATH) from error
    raise unfit(field, value, _PATH)


def check_iterable(field: str, value: Iterable[object]) -> None:
    """Raises InvalidArgument, and leaves what iterating raises alone."""
    try:
        iter(value)
    except TypeError as error:
        raise unfit(field, value, "an iterable of dicts of features") from error


_PATH = "the path of a file"
_TEXT = "text that UTF-8 can hold"
_KINDS = {
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BOOL: "a bool",
    FieldDescriptor.TYPE_INT64: "a whole number of 64 bits",
}
