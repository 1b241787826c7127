"""Why a piece of context cannot be named, set or read.

ContextError
├── UnknownContextType    no such type: the message lists those that exist
├── UnknownFeature        the type has no such feature: the message lists those it has
├── BadValue              a value of the wrong type or range
├── BadScope              a permission scope that is neither "TYPE" nor "TYPE.FEATURE"
├── BadScript             a script of the scripted source that cannot be read
└── SourceMisconfigured   a source, plug-in or choice of source that does not exist or contradicts another
"""

from collections.abc import Iterable
from typing import ClassVar


class ContextError(Exception):
    """`status` is the gRPC status that a caller is to see, `reason` is stable."""

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "CONTEXT"


class UnknownContextType(ContextError):
    status = "INVALID_ARGUMENT"
    reason = "UNKNOWN_CONTEXT_TYPE"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no context type {name!r}: use one of {_listed(known)}")
        self.name = name


class UnknownFeature(ContextError):
    status = "INVALID_ARGUMENT"
    reason = "UNKNOWN_CONTEXT_FEATURE"

    def __init__(self, context_type: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"context type {context_type} has no feature {name!r}: use one of {_listed(known)}")
        self.name = name


class BadValue(ContextError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_CONTEXT_VALUE"


class BadScope(ContextError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_SCOPE"


class BadScript(ContextError):
    status = "INVALID_ARGUMENT"
    reason = "BAD_SCRIPT"


class SourceMisconfigured(ContextError):
    status = "FAILED_PRECONDITION"
    reason = "SOURCE_MISCONFIGURED"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none, for none is registered"
