"""What the library does, apart from how it waits.

Whatever needs the outside is written once, as a generator that yields steps and is sent what became of them. A
connection carries the steps out: `client_lib.connection` by blocking, `client_lib.aio` by awaiting.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from client_lib.transport import Method, Request, Response

T = TypeVar("T")


@dataclass(slots=True)
class Call(Generic[Request, Response]):
    """Send a request once, and wait for the response. Not frozen, which would cost a fast call a tenth of its time."""

    method: Method[Request, Response]
    request: Request
    session: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Blocking(Generic[T]):
    """Do what may take the disk's or the processor's time."""

    work: Callable[[], T]


class Cell(Generic[T]):
    """A value that is made once, by one of those who want it, while the others wait."""

    def __init__(self, lock: Any) -> None:
        """`lock` is of the kind that the connection's driver can hold while it carries steps out."""
        self.lock = lock
        self.value: T | None = None
        self._comparing = threading.Lock()

    def discard(self, value: T) -> None:
        """Let it be made anew, unless somebody has done so already."""
        with self._comparing:
            if self.value == value:
                self.value = None


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """The cell's value; made where there is none."""

    cell: Cell[T]
    make: "Callable[[], Steps[T]]"


Step = Call[Any, Any] | Pause | Blocking[Any] | Once[Any]
Steps = Generator[Step, Any, T]


def send(method: Method[Request, Response], request: Request, session: str, timeout_s: float) -> Steps[Response]:
    """One call, sent once. Raises InsituError."""
    response: Response = yield Call(method, request, session, timeout_s)
    return response


def blocking(work: Callable[[], T]) -> Steps[T]:
    """What `work` returns, done where blocking holds nobody up. Raises what it raises."""
    result: T = yield Blocking(work)
    return result


def once(cell: Cell[T], make: "Callable[[], Steps[T]]") -> Steps[T]:
    """The cell's value, made by one of those who want it. Raises what `make` raises; then another tries."""
    made: T = yield Once(cell, make)
    return made
