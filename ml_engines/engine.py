"""What an engine is: the only thing that knows a graph's format.

An engine is found through the entry-point group `insitu.engines` and runs in an inference worker or a trainer, never
in the daemon's primary process. It loads a graph into a model; a model runs signatures on NumPy arrays. Nothing else is
asked of it: feeding examples, training loops, gates and checkpoints are the same for all engines.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]
Runner = Callable[[Arrays], dict[str, NDArray[np.generic]]]


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and element type of an input or output. -1 stands for any extent."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def fits(self, array: NDArray[np.generic]) -> bool:
        """Whether the array has this type, and this shape where it is fixed."""
        return (
            array.dtype == self.dtype
            and len(array.shape) == len(self.shape)
            and all(wanted in (-1, extent) for extent, wanted in zip(array.shape, self.shape, strict=True))
        )

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]


class Model(Protocol):
    """A loaded graph with its variables. Used by one thread at a time."""

    def signatures(self) -> Mapping[str, Signature]: ...

    def runner(self, signature: str) -> Runner:
        """A callable that runs one signature: arrays by input name in, fresh arrays by output name out.

        Raises SignatureMissing now, and BadInput (naming the input) when called with other names, shapes or types.
        """
        ...

    def close(self) -> None:
        """Free the memory. Repeatable."""
        ...


class Engine(Protocol):
    """Loads graphs of one format."""

    name: ClassVar[str]

    def version(self) -> str:
        """PEP 440 version of the runtime behind it; does not import it where that is slow."""
        ...

    def load(self, graph: bytes) -> Model:
        """Load a graph, in memory: the daemon's children may not write files, nor read any but installed software.

        Raises GraphRejected for what the engine cannot run. A hostile graph may do anything to the process, which is
        why the process is worth nothing.
        """
        ...
