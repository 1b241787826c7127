"""Why the toolkit refuses.

ToolkitError
├── BadArgument             an argument does not fit, or the model or the loss fails: change what the message names
├── OperationUnsupported    the engine cannot run or differentiate an operation: another engine or layer
├── GraphsDisagree          the graph made for the engine does not compute what the author's model computes
├── PlanRejected            the plan that came out breaks a rule of the linter
└── SourceInvalid           a source file of a plan cannot be loaded or does not define `plan()`
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ToolkitError(Exception):
    """Base of all that the toolkit raises on purpose."""


class BadArgument(ToolkitError):
    """`argument` names the parameter of `author` at fault."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that an engine refuses: its TensorFlow type, what authors call it, and where the model uses it."""

    type: str
    known_as: str
    where: str
    is_gradient: bool

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        lack = "no gradient for" if self.is_gradient else "no"
        return f"{lack} {self.known_as} (op {self.type}{place})"


class OperationUnsupported(ToolkitError):
    """`operations` are in the order of the graph; the first one names the message.

    There are none where the converter failed without naming any; then the message tells what it `said`.
    """

    def __init__(self, operations: Sequence[Operation], hint: str = "", *, said: str = "") -> None:
        self.operations = tuple(operations)
        # One operation stands for all that make up the same layer.
        first = {operation.known_as: str(operation) for operation in reversed(self.operations)}
        missing = ", ".join(reversed(first.values()))
        remedy = hint or "use engine='tensorflow' or replace the layer"
        if not self.operations:
            super().__init__(f"the LiteRT converter failed, and said {said!r}: author again, or {remedy}")
            return
        super().__init__(f"LiteRT's built-ins have {missing}: {remedy}")


class GraphsDisagree(ToolkitError):
    """The message names what differs, by how much, and the tolerance."""


class PlanRejected(ToolkitError):
    """The message lists the findings, one a line."""


class SourceInvalid(ToolkitError):
    """The message names the file, and the line where one is known."""
