"""Predictions for a batch of arrays in memory with LiteRT alone: `PLAN SAMPLES CALLS`. Reports rows a second."""

import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from safetensors.numpy import load

from benchmarks.references.answering import answer
from insitu.v1.plan_pb2 import Plan


def main(plan_file: str, samples_file: str, calls: str) -> None:
    plan = Plan.FromString(Path(plan_file).read_bytes())
    interpreter = Interpreter(model_content=plan.graph.inline, num_threads=1)
    interpreter.get_signature_runner("set_parameters")(**load(plan.base_parameters))
    infer = interpreter.get_signature_runner("infer")
    arrays = np.load(samples_file)
    batch = {name: arrays[name] for name in infer.get_input_details()}
    rows = len(arrays["label"])

    def measure() -> dict[str, float]:
        started_s = time.perf_counter()
        for _ in range(int(calls)):
            infer(**batch)
        return {"reference": int(calls) * rows / (time.perf_counter() - started_s)}

    answer(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])
