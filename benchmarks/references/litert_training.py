"""A training loop on arrays in memory with LiteRT alone: `PLAN SAMPLES EPOCHS`. Reports steps a second.

The loop as its documentation has it: the graph's signature runner, one call a step. Shuffled anew for each epoch, by
one gather, so that a batch is a view.
"""

import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from safetensors.numpy import load

from benchmarks.references.answering import answer
from insitu.v1.plan_pb2 import Plan


def main(plan_file: str, samples_file: str, epochs: str) -> None:
    plan = Plan.FromString(Path(plan_file).read_bytes())
    batch = plan.training.batch_size
    interpreter = Interpreter(model_content=plan.graph.inline, num_threads=1)
    interpreter.get_signature_runner("set_parameters")(**load(plan.base_parameters))
    train = interpreter.get_signature_runner("train")
    arrays = dict(np.load(samples_file))
    shapes = {name: detail["shape"] for name, detail in train.get_input_details().items()}
    data = {name: arrays[name].reshape(-1, *shape[1:]) for name, shape in shapes.items()}
    examples = len(arrays["label"])
    random = np.random.default_rng(0)

    def measure() -> dict[str, float]:
        steps = 0
        started_s = time.perf_counter()
        for _ in range(int(epochs)):
            rows = random.permutation(examples)[: examples // batch * batch].reshape(-1, batch)
            blocks = {name: array[rows] for name, array in data.items()}
            for number in range(len(rows)):
                loss = train(**{name: block[number] for name, block in blocks.items()})["loss"]
                steps += 1
        assert np.isfinite(loss)
        return {"reference": steps / (time.perf_counter() - started_s)}

    answer(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])
