"""B3: a thousand rows in one call over gRPC, beside LiteRT in process on the same batch, in memory."""

import time

from benchmarks.lab import Figures, Lab
from benchmarks.predictions import PREDICT, predict_request
from benchmarks.program import Program
from benchmarks.rows import Row, at_least
from benchmarks.samples import samples
from benchmarks.servers import Caller
from benchmarks.stand import stand

ROWS = 1000
CALLS = 50


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 2)
    batch = samples(ROWS)
    arrays = batch.save(lab.folder / "samples.npz")
    with stand() as app, Program("litert_rows", inference, arrays, calls) as litert:
        request = predict_request(app, inference, batch)
        with Caller(app.device.locations.socket, PREDICT, app.session()) as predict:

            def ours() -> Figures:
                started_s = time.perf_counter()
                for _ in range(calls):
                    predict(request)
                return {"ours": calls * ROWS / (time.perf_counter() - started_s)}

            medians = lab.medians("B3 rows", {"one call": ours, "LiteRT": litert.measure})
    what = "1,000 rows in one call over gRPC; LiteRT in process, same batch"
    return [Row("B3", what, "rows/s", medians["ours"], medians["reference"], at_least(0.5))]
