"""B3: a thousand rows in one call through the client library, beside LiteRT in process on the same batch, in memory.

Both begin with an array of all rows and end with one of all probabilities. An example for each row costs more; what,
is said besides.
"""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.lab import Figures, Lab
from benchmarks.program import Program
from benchmarks.rows import Row, at_least
from benchmarks.samples import samples
from benchmarks.stand import stand
from client_lib import Prediction, PredictorOptions

ROWS = 1000
CALLS = 100
REFERENCE_CALLS = 1000
"""Each takes a tenth of a millisecond."""


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 2)
    batch = samples(ROWS)
    arrays = batch.save(lab.folder / "samples.npz")
    columns, rows = {"pixels": batch.pixels}, batch.inputs()

    def asking(name: str, ask: Callable[[], Prediction]) -> Callable[[], Figures]:
        def measure() -> Figures:
            started_s = time.perf_counter()
            for _ in range(calls):
                assert np.asarray(ask()["probabilities"]).shape == (ROWS, 10)
            return {name: calls * ROWS / (time.perf_counter() - started_s)}

        return measure

    with (
        stand(transport="lane") as app,
        Program("litert_rows", inference, arrays, lab.effort.count(REFERENCE_CALLS, 2)) as litert,
    ):
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=inference))
        medians = lab.medians(
            "B3 rows",
            {
                "columns": asking("columns", lambda: predictor.predict_columns(columns)),
                "examples": asking("examples", lambda: predictor.predict_many(rows)),
                "LiteRT": litert.measure,
            },
        )
    lab.say(f"B3 with an example for each row: {medians['examples']:,.0f} rows/s")
    what = "1,000 rows in one call through the client library; LiteRT in process, same batch"
    return [Row("B3", what, "rows/s", medians["columns"], medians["reference"], at_least(0.5))]
