"""TensorFlow, for what LiteRT's built-in operations cannot express: a zipped SavedModel with named signatures.

Import this module at will: TensorFlow, seconds and hundreds of megabytes, comes in with `load`.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml_engines.engine import Arrays, Runner, Signature, TensorType
from ml_engines.errors import BadInput, GraphRejected, SignatureMissing
from ml_engines.unpack import unpack_zip

_DISTRIBUTIONS = ("tensorflow-cpu", "tensorflow")
_WHERE = re.compile(
    r"Graph execution error:|Detected at node|Node: |<stack traces|in user code:|\d+ root error|\s+File |\s+\[\["
)


class TensorFlowEngine:
    name: ClassVar[str] = "tensorflow"

    def version(self) -> str:
        for distribution in _DISTRIBUTIONS[:-1]:
            try:
                return version(distribution)
            except PackageNotFoundError:
                continue
        return version(_DISTRIBUTIONS[-1])

    def load(self, graph: bytes) -> "TensorFlowModel":
        """Load a zip whose root is a SavedModel's folder; it is unpacked in memory.

        Raises:
            GraphRejected: no zip, an unsafe or oversized one, or no SavedModel inside.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

        _use_one_thread(tf)
        with _unpacked(graph, tf) as folder:
            try:
                return TensorFlowModel(tf.saved_model.load(folder), tf)
            except Exception as error:
                # No narrower class: a malformed graph makes TensorFlow raise whatever it trips over.
                raise GraphRejected(f"TensorFlow cannot load the graph: {_reason(error)}") from error


@contextlib.contextmanager
def _unpacked(graph: bytes, tf: Any) -> Iterator[str]:
    """A folder in TensorFlow's file system in memory, gone at the end of the block."""
    folder = f"ram://insitu-{secrets.token_hex(16)}"
    made = []
    try:
        for name, content in unpack_zip(graph):
            path = f"{folder}/{name}"
            with tf.io.gfile.GFile(path, "wb") as file:
                file.write(content)
            made.append(path)
        yield folder
    finally:
        for path in made:
            tf.io.gfile.remove(path)


class TensorFlowModel:
    """A SavedModel's signatures. They share its variables."""

    def __init__(self, loaded: Any, tf: Any) -> None:
        # The functions hold their variables weakly: `loaded` keeps them.
        self._loaded = loaded
        self._tf = tf
        self._functions: dict[str, Any] = dict(loaded.signatures)
        self._signatures = {
            name: Signature(_types(function.structured_input_signature[1]), _types(function.structured_outputs))
            for name, function in self._functions.items()
        }

    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def runner(self, signature: str) -> Runner:
        if signature not in self._signatures:
            known = ", ".join(sorted(self._signatures)) or "none"
            raise SignatureMissing(f"the graph has no signature {signature!r}; it has: {known}")
        return _runner(signature, self._functions[signature], self._signatures[signature].inputs, self._tf)

    def close(self) -> None:
        self._functions.clear()
        self._loaded = None


def _runner(
    signature: str, function: Callable[..., Any], inputs: Mapping[str, TensorType], tf: Any
) -> Callable[[Arrays], dict[str, NDArray[np.generic]]]:
    def run(arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        if arrays.keys() != inputs.keys():
            wanted, got = (", ".join(sorted(names)) or "none" for names in (inputs, arrays))
            raise BadInput(f"signature {signature!r} takes the inputs {wanted}, not {got}")
        for name, kind in inputs.items():
            if not kind.fits(arrays[name]):
                array = arrays[name]
                raise BadInput(f"input {name!r} is {array.dtype}{list(array.shape)}, the graph takes {kind}")
        try:
            outputs = function(**{name: tf.constant(array) for name, array in arrays.items()})
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise GraphRejected(f"signature {signature!r} failed: {_reason(error)}") from error
        # A copy: `numpy()` may share memory with a tensor that the runtime goes on using.
        return {name: np.array(tensor.numpy()) for name, tensor in outputs.items()}

    return run


def _use_one_thread(tf: Any) -> None:
    """Threads of its own would compete with the process's other models, and make sums depend on the machine.

    Without effect once TensorFlow has run: then the first load has set it, or the host program has its own wish.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _types(specs: Mapping[str, Any]) -> dict[str, TensorType]:
    types = {}
    for name, spec in specs.items():
        if spec.shape.rank is None:
            raise ValueError(f"{name!r} has no fixed rank")
        shape = tuple(-1 if extent is None else int(extent) for extent in spec.shape)
        types[name] = TensorType(shape, np.dtype(spec.dtype.as_numpy_dtype))
    return types


def _reason(error: Exception) -> str:
    """The first line that says what happened; TensorFlow puts where it happened before it."""
    text = re.sub(r"{{function_node .*?}} ?", "", str(error))
    lines = [line for line in text.splitlines() if line.strip() and not _WHERE.match(line)]
    said = [line for line in lines if not line[0].isspace()] or lines
    return said[0].strip() if said else type(error).__name__
