"""LiteRT, the default engine: a flatbuffer with signatures, inference and training by built-in operations.

Import this module at will: the runtime comes in with `load`.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml_engines.engine import Arrays, Runner, Signature, TensorType
from ml_engines.errors import BadInput, GraphRejected, SignatureMissing


class LiteRTEngine:
    name: ClassVar[str] = "litert"

    def version(self) -> str:
        return version("ai-edge-litert")

    def load(self, graph: bytes) -> "LiteRTModel":
        """Load a flatbuffer, with one thread and no delegates but the built-in one.

        Raises:
            GraphRejected: not a flatbuffer of this format, or it needs operations that are not built in.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            return LiteRTModel(Interpreter(model_content=graph, num_threads=1))
        except (ValueError, RuntimeError) as error:
            raise GraphRejected(f"LiteRT cannot load the graph: {_first_line(error)}") from error


class LiteRTModel:
    """An interpreter with its resource variables."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._runners: dict[str, _SignatureRunner] = {}
        self._signatures = {name: self._describe(name) for name in interpreter.get_signature_list()}

    def _describe(self, name: str) -> Signature:
        runner = self._interpreter.get_signature_runner(name)
        return Signature(_types(runner.get_input_details()), _types(runner.get_output_details()))

    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def runner(self, signature: str) -> Runner:
        if signature not in self._signatures:
            known = ", ".join(sorted(self._signatures)) or "none"
            raise SignatureMissing(f"the graph has no signature {signature!r}; it has: {known}")
        if signature not in self._runners:
            self._runners[signature] = _SignatureRunner(self._interpreter, signature, self._signatures[signature])
        return self._runners[signature]

    def close(self) -> None:
        self._runners.clear()
        self._interpreter = None


class _SignatureRunner:
    """Runs one signature's subgraph.

    The public signature runner resizes and allocates at every call, a third of the time of a small training step. This
    one does so only when a shape changes, through the same wrapper object. Outputs are copies (`GetTensor`), never
    views: the interpreter refuses to run while views into it are alive.
    """

    def __init__(self, interpreter: Any, name: str, signature: Signature) -> None:
        # Holds the graph's bytes, to which the wrapper has but a pointer: a runner may outlive its model.
        self._interpreter = interpreter
        public = interpreter.get_signature_runner(name)
        self._wrapper = interpreter._interpreter
        self._subgraph: int = public._subgraph_index
        self._name = name
        inputs = {key: detail["index"] for key, detail in public.get_input_details().items()}
        self._inputs = [(key, inputs[key], kind) for key, kind in signature.inputs.items()]
        self._outputs = [(key, detail["index"]) for key, detail in public.get_output_details().items()]
        # Shapes that the interpreter's tensors have now; None before the first allocation.
        self._allocated: list[tuple[int, ...]] | None = None

    def __call__(self, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        wrapper, subgraph = self._wrapper, self._subgraph
        shapes = self._check(arrays)
        try:
            if shapes != self._allocated:
                self._allocate(shapes)
            for name, index, _ in self._inputs:
                wrapper.SetTensor(index, arrays[name], subgraph)
            wrapper.Invoke(subgraph)
            return {name: wrapper.GetTensor(index, subgraph) for name, index in self._outputs}
        except (RuntimeError, ValueError) as error:
            self._allocated = None
            raise GraphRejected(f"signature {self._name!r} failed: {_first_line(error)}") from error

    def _check(self, arrays: Arrays) -> list[tuple[int, ...]]:
        if len(arrays) != len(self._inputs) or any(name not in arrays for name, _, _ in self._inputs):
            wanted = ", ".join(sorted(name for name, _, _ in self._inputs)) or "none"
            got = ", ".join(sorted(arrays)) or "none"
            raise BadInput(f"signature {self._name!r} takes the inputs {wanted}, not {got}")
        shapes, before = [], self._allocated
        for place, (name, _, kind) in enumerate(self._inputs):
            array = arrays[name]
            # A shape that is allocated has been found to fit.
            known = before is not None and array.shape == before[place] and array.dtype == kind.dtype
            if not known and not kind.fits(array):
                raise BadInput(f"input {name!r} is {array.dtype}{list(array.shape)}, the graph takes {kind}")
            shapes.append(array.shape)
        return shapes

    def _allocate(self, shapes: list[tuple[int, ...]]) -> None:
        self._allocated = None
        for (_, index, _), shape in zip(self._inputs, shapes, strict=True):
            self._wrapper.ResizeInputTensor(index, np.array(shape, np.int32), False, self._subgraph)
        self._wrapper.AllocateTensors(self._subgraph)
        self._allocated = shapes


def _types(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorType]:
    return {
        name: TensorType(tuple(int(extent) for extent in detail["shape_signature"]), _dtype(detail["dtype"]))
        for name, detail in details.items()
    }


def _dtype(kind: Any) -> np.dtype[np.generic]:
    dtype: np.dtype[np.generic] = np.dtype(kind)
    return np.dtype(object) if dtype.kind in "SO" else dtype


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
