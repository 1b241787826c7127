"""B1L: one prediction through the client library on the framed lane, beside a bare grpc.aio echo of the same bytes.

Ours begins with an array and ends with a tensor: encoding, serializing and decoding in Python count. The echo's
message is serialized beforehand.
"""

from benchmarks.lab import Lab
from benchmarks.predictions import predict_request
from benchmarks.rows import Row, at_most
from benchmarks.samples import samples
from benchmarks.servers import ECHO, Caller, echo_server, p50_us
from benchmarks.stand import stand
from client_lib import PredictorOptions

CALLS = 2000


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 3)
    digit = samples(1)
    inputs = digit.inputs() * calls
    with stand(transport="lane") as app, echo_server(lab.folder) as bare, Caller(bare, ECHO) as echo:
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=inference))
        requests = [predict_request(app, inference, digit)] * calls
        medians = lab.medians(
            "B1L predict",
            {
                "client library": lambda: {"ours": p50_us(predictor.predict, inputs)},
                "echo": lambda: {"reference": echo.p50_us(requests)},
            },
        )
    what = "one prediction through the client library on the lane, p50; bare grpc.aio echo"
    return [Row("B1L", what, "µs", medians["ours"], medians["reference"], at_most(0.4))]
