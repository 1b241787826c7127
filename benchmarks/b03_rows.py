"""B3: a thousand rows in one call through the client library, beside LiteRT in process on the same batch, in memory.

Ours begins with an example for each row, as an app has them, and ends with one tensor.
"""

import time

from benchmarks.lab import Figures, Lab
from benchmarks.program import Program
from benchmarks.rows import Row, at_least
from benchmarks.samples import samples
from benchmarks.stand import stand
from client_lib import PredictorOptions

ROWS = 1000
CALLS = 50


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 2)
    batch = samples(ROWS)
    arrays = batch.save(lab.folder / "samples.npz")
    rows = batch.inputs()
    with stand(transport="lane") as app, Program("litert_rows", inference, arrays, calls) as litert:
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=inference))

        def ours() -> Figures:
            started_s = time.perf_counter()
            for _ in range(calls):
                predictor.predict_many(rows)
            return {"ours": calls * ROWS / (time.perf_counter() - started_s)}

        medians = lab.medians("B3 rows", {"one call": ours, "LiteRT": litert.measure})
    what = "1,000 rows in one call through the client library; LiteRT in process, same batch"
    return [Row("B3", what, "rows/s", medians["ours"], medians["reference"], at_least(0.5))]
