"""B6: a training run on 10,000 stored, sealed examples through the platform, beside LiteRT alone.

Ours is read from the outside: when the session's status shows which step, when the daemon says that it decided to
train, and when the first prediction of the new model arrives. The fixed cost holds all that is no step: the trainer's
start, unsealing, decoding and sending the examples, evaluating old and new parameters on 2,000 of them, committing the
new ones, and loading them into the worker that serves.
"""

import subprocess
import sys
import time

from benchmarks.lab import Figures, Lab
from benchmarks.program import Program
from benchmarks.rows import Row, at_least, at_most
from benchmarks.samples import samples
from benchmarks.stand import CONTEXT, stand
from benchmarks.training_runs import Training
from client_lib import CollectionOptions

EXAMPLES = 10_000
LEAST_EXAMPLES = 4000
"""A run on fewer would be over before it has reported twice."""
REFERENCE_EPOCHS = 100


def run(lab: Lab) -> list[Row]:
    training, inference = lab.plans.training("digits"), lab.plans.inference("digits")
    stored = samples(lab.effort.count(EXAMPLES, LEAST_EXAMPLES))
    epochs = lab.effort.count(REFERENCE_EPOCHS)
    arrays = stored.save(lab.folder / "samples.npz")
    with stand() as app, Program("litert_training", training, arrays, epochs) as litert:
        digits = app.learning.get_collection_client(CollectionOptions("digits", context=CONTEXT))
        digits.add_many(stored.examples()).result()
        runs = Training(app, training, inference, stored)

        def ours() -> Figures:
            timeline = runs.run()
            return {"steps": timeline.steps_per_s, "fixed": timeline.fixed_s * 1e3}

        contenders = {"platform": ours, "LiteRT loop": litert.measure, "LiteRT import": _import_litert}
        medians = lab.medians("B6 training", contenders)
    return [
        Row("B6", "a training run's steps on 10,000 sealed examples; LiteRT loop on arrays in memory", "steps/s",
            medians["steps"], medians["reference"], at_least(0.8)),
        Row("B6", "its fixed cost, decision to first step and last step to serving; importing LiteRT", "ms",
            medians["fixed"], medians["import"], at_most(8)),
    ]  # fmt: skip


def _import_litert() -> Figures:
    started_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import ai_edge_litert.interpreter"], check=True)
    return {"import": (time.perf_counter() - started_s) * 1e3}
