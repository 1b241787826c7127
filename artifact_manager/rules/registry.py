"""Rules by message and field. Each field of a plan has one; a test counts them."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message

from artifact_manager.findings import Finding, Site

M = TypeVar("M", bound=Message)
Check = Callable[[M, Site], Iterator[Finding]]

_checks: dict[str, list[Check[Any]]] = {}
_covered: set[tuple[str, str]] = set()


def rule(message: type[M], *fields: str) -> Callable[[Check[M]], Check[M]]:
    """Register a check that examines these fields of a message. It is called once for each such message."""
    name = message.DESCRIPTOR.full_name
    for field in fields:
        if field not in message.DESCRIPTOR.fields_by_name:
            raise AttributeError(f"{name} has no field {field}")

    def register(check: Check[M]) -> Check[M]:
        _checks.setdefault(name, []).append(check)
        _covered.update((name, field) for field in fields)
        return check

    return register


def checks(message: Message) -> list[Check[Any]]:
    """The checks of a message's type; none for a type that the rule of its parent's field examines whole."""
    return _checks.get(message.DESCRIPTOR.full_name, [])


def covered() -> frozenset[tuple[str, str]]:
    """Full message name and field name of all that has a rule."""
    return frozenset(_covered)
