"""Writes a serialized ModelInferRequest of the Open Inference Protocol for the pixels of one digit: `SAMPLES OUT`."""

import sys
from pathlib import Path

import numpy as np
from mlserver.grpc.dataplane_pb2 import ModelInferRequest


def main(samples: str, out: str) -> None:
    pixels = np.load(samples)["pixels"][:1]
    tensor = ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=pixels.shape)
    request = ModelInferRequest(model_name="digits", inputs=[tensor], raw_input_contents=[pixels.tobytes()])
    Path(out).write_bytes(request.SerializeToString())


if __name__ == "__main__":
    main(*sys.argv[1:])
