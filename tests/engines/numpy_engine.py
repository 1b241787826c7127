"""An engine of a third party: the model of `tests.engines.graphs` in NumPy. Loads in no time, runs anywhere."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml_engines.engine import Arrays, Runner, Signature, TensorType
from ml_engines.errors import BadInput, GraphRejected, SignatureMissing
from ml_engines.registry import GROUP, EngineRegistry
from tests.engines.graphs import BATCH, CLASSES, FEATURES, LEARNING_RATE, MOMENTUM

GRAPH = b"softmax regression"
CRASHING_GRAPH = b"softmax regression, whose training fails"

_FLOAT = np.dtype(np.float32)
_W, _B = TensorType((FEATURES, CLASSES), _FLOAT), TensorType((CLASSES,), _FLOAT)
_ROWS = {"x": TensorType((BATCH, FEATURES), _FLOAT), "label": TensorType((BATCH,), np.dtype(np.int32))}
_VECTOR, _SCALAR = TensorType((BATCH,), _FLOAT), TensorType((), _FLOAT)
_DONE = {"done": TensorType((), np.dtype(np.bool_))}

SIGNATURES: Mapping[str, Signature] = {
    "train": Signature(_ROWS, {"loss": _SCALAR}),
    "infer": Signature(
        {"x": TensorType((-1, FEATURES), _FLOAT)},
        {"probabilities": TensorType((-1, CLASSES), _FLOAT), "score": TensorType((-1,), _FLOAT)},
    ),
    "evaluate": Signature(_ROWS, {"loss": _VECTOR, "accuracy": _VECTOR}),
    "get_parameters": Signature({}, {"w": _W, "b": _B}),
    "set_parameters": Signature({"w": _W, "b": _B}, _DONE),
    "get_optimizer_state": Signature({}, {"mw": _W, "mb": _B}),
    "set_optimizer_state": Signature({"mw": _W, "mb": _B}, _DONE),
}


class NumPyModel:
    def __init__(self, crashes: bool) -> None:
        self._crashes = crashes
        self._variables: dict[str, NDArray[Any]] = {
            "w": np.zeros(_W.shape, _FLOAT),
            "b": np.zeros(_B.shape, _FLOAT),
            "mw": np.zeros(_W.shape, _FLOAT),
            "mb": np.zeros(_B.shape, _FLOAT),
        }

    def signatures(self) -> Mapping[str, Signature]:
        return SIGNATURES

    def runner(self, signature: str) -> Runner:
        if signature not in SIGNATURES:
            raise SignatureMissing(f"no signature {signature!r}")
        run: Callable[..., dict[str, Any]] = getattr(self, f"_{signature}")
        inputs = SIGNATURES[signature].inputs

        def checked(arrays: Arrays) -> dict[str, NDArray[np.generic]]:
            if arrays.keys() != inputs.keys():
                raise BadInput(f"inputs {sorted(arrays)}, not {sorted(inputs)}")
            for name, kind in inputs.items():
                if not kind.fits(arrays[name]):
                    raise BadInput(f"input {name!r} is not {kind}")
            return {name: np.asarray(array) for name, array in run(**arrays).items()}

        return checked

    def close(self) -> None:
        self._variables.clear()

    def _probabilities(self, x: NDArray[Any]) -> NDArray[Any]:
        logits = x @ self._variables["w"] + self._variables["b"]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def _train(self, x: NDArray[Any], label: NDArray[Any]) -> dict[str, Any]:
        if self._crashes:
            raise RuntimeError("the graph divides by zero")
        probabilities = self._probabilities(x)
        gradient = (probabilities - np.eye(CLASSES, dtype=_FLOAT)[label]) / np.float32(BATCH)
        update = {"w": x.T @ gradient, "b": gradient.sum(axis=0)}
        for name, value in update.items():
            momentum = np.float32(MOMENTUM) * self._variables["m" + name] + value
            self._variables["m" + name] = momentum
            self._variables[name] = self._variables[name] - np.float32(LEARNING_RATE) * momentum
        return {"loss": -np.log(probabilities[np.arange(len(x)), label]).mean(dtype=_FLOAT)}

    def _infer(self, x: NDArray[Any]) -> dict[str, Any]:
        probabilities = self._probabilities(x)
        return {"probabilities": probabilities, "score": probabilities[:, 0].copy()}

    def _evaluate(self, x: NDArray[Any], label: NDArray[Any]) -> dict[str, Any]:
        probabilities = self._probabilities(x)
        return {
            "loss": -np.log(probabilities[np.arange(len(x)), label]),
            "accuracy": (probabilities.argmax(axis=1) == label).astype(_FLOAT),
        }

    def _get_parameters(self) -> dict[str, Any]:
        return {name: self._variables[name].copy() for name in ("w", "b")}

    def _set_parameters(self, w: NDArray[Any], b: NDArray[Any]) -> dict[str, Any]:
        self._variables = {"w": w.copy(), "b": b.copy(), "mw": np.zeros_like(w), "mb": np.zeros_like(b)}
        return {"done": np.True_}

    def _get_optimizer_state(self) -> dict[str, Any]:
        return {name: self._variables[name].copy() for name in ("mw", "mb")}

    def _set_optimizer_state(self, mw: NDArray[Any], mb: NDArray[Any]) -> dict[str, Any]:
        self._variables |= {"mw": mw.copy(), "mb": mb.copy()}
        return {"done": np.True_}


class NumPyEngine:
    name: ClassVar[str] = "numpy"

    def version(self) -> str:
        return "1.5"

    def load(self, graph: bytes) -> NumPyModel:
        if graph not in (GRAPH, CRASHING_GRAPH):
            raise GraphRejected("not the one graph that this engine knows")
        return NumPyModel(graph == CRASHING_GRAPH)


def registry() -> EngineRegistry:
    """The project's engines and this one, as if a package had brought it."""
    return EngineRegistry(lambda: [EntryPoint("numpy", "tests.engines.numpy_engine:NumPyEngine", GROUP)])
