"""A training loop on arrays in memory with TensorFlow alone: `SAMPLES STEPS`. Reports steps a second.

The network of `plan_sources/cnn.py`, one compiled function a step, batches made into tensors beforehand.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from benchmarks.plan_sources.cnn import model
from benchmarks.references.answering import answer

BATCH = 32


def main(samples_file: str, steps: str) -> None:
    arrays = np.load(samples_file)
    network, optimizer = model(), keras.optimizers.SGD(0.01)
    optimizer.build(network.trainable_variables)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy()

    def step(pixels: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = cross_entropy(label, network(pixels, training=True))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    train = tf.function(step)
    count = len(arrays["label"]) // BATCH
    pixels = arrays["pixels"][: count * BATCH].reshape(count, BATCH, 8, 8, 1)
    label = arrays["label"][: count * BATCH].reshape(count, BATCH)
    batches = [(tf.constant(x), tf.constant(y)) for x, y in zip(pixels, label, strict=True)]

    def measure() -> dict[str, float]:
        started_s = time.perf_counter()
        for number in range(int(steps)):
            loss = train(*batches[number % count])
        assert np.isfinite(loss.numpy())
        return {"reference": int(steps) / (time.perf_counter() - started_s)}

    answer(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])
