"""The network that the peers serve: the same graph and parameters as ours, run by the same engine."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from safetensors.numpy import load_file

GRAPH = "graph.tflite"
PARAMETERS = "parameters.safetensors"


class Digits:
    """Reads `GRAPH` and `PARAMETERS` from `folder`. For one thread."""

    def __init__(self, folder: Path) -> None:
        self._interpreter = Interpreter(model_path=str(folder / GRAPH), num_threads=1)
        self._interpreter.get_signature_runner("set_parameters")(**load_file(folder / PARAMETERS))
        self._infer = self._interpreter.get_signature_runner("infer")
        (self._output,) = self._infer.get_output_details()

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shapes (n, 64) and (n, 10)."""
        probabilities: NDArray[np.float32] = self._infer(pixels=pixels)[self._output]
        return probabilities
