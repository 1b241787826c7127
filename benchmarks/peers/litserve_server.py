"""LitServe's part: the server of one API on the loopback interface: `MODEL-FOLDER PORT`."""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.model import Digits

KEEP_ALIVE_S = 600


class DigitsAPI(litserve.LitAPI):
    """`{"pixels": [64 numbers]}` in, `{"probabilities": [10 numbers]}` out."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def setup(self, device: str) -> None:
        self._digits = Digits(self._folder)

    def decode_request(self, request: dict[str, Any]) -> NDArray[np.float32]:
        return np.array([request["pixels"]], np.float32)

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._digits(x)

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, Any]:
        return {"probabilities": output[0].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(DigitsAPI(Path(sys.argv[1])), accelerator="cpu")
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="error",
        generate_client_file=False,
        # A connection lasts through the turns of the others.
        timeout_keep_alive=KEEP_ALIVE_S,
    )
