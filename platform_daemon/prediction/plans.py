"""What the primary needs of an inference plan; the graph is the worker's."""

from dataclasses import dataclass

DEFAULT_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class InferencePlan:
    sha256: str
    name: str
    version: str
    context: tuple[str, ...]
    """Context types to inject, as far as granted."""
    score_output: str
    deadline_s: float
    """A graph that runs for longer is ended, with its worker."""
