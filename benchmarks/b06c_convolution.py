"""B6c: training steps of a small convolutional network through the platform, beside TensorFlow's `tf.function` loop."""

from benchmarks.lab import Figures, Lab
from benchmarks.program import Program
from benchmarks.rows import Row, at_least
from benchmarks.samples import samples
from benchmarks.stand import CONTEXT, stand
from benchmarks.training_runs import Training
from client_lib import CollectionOptions

EXAMPLES = 10_000
LEAST_EXAMPLES = 2000
REFERENCE_STEPS = 1000


def run(lab: Lab) -> list[Row]:
    training, inference = lab.plans.training("cnn"), lab.plans.inference("cnn")
    stored = samples(lab.effort.count(EXAMPLES, LEAST_EXAMPLES))
    arrays = stored.save(lab.folder / "samples.npz")
    steps = lab.effort.count(REFERENCE_STEPS)
    with stand() as app, Program("tensorflow_training", arrays, steps) as tensorflow:
        digits = app.learning.get_collection_client(CollectionOptions("digits", context=CONTEXT))
        digits.add_many(stored.examples()).result()
        runs = Training(app, training, inference, stored)

        def ours() -> Figures:
            return {"ours": runs.run().steps_per_s}

        medians = lab.medians("B6c convolution", {"platform": ours, "tf.function": tensorflow.measure})
    what = "training steps of a small CNN, batch 32; TensorFlow tf.function loop in process"
    return [Row("B6c", what, "steps/s", medians["ours"], medians["reference"], at_least(8))]
