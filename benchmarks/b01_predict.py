"""B1: one prediction over gRPC, beside a bare grpc.aio echo of the same bytes.

On its way a prediction goes through the session's check, two context types that are injected, and the worker. Client
and channel are the same on both sides; messages are serialized beforehand.
"""

from benchmarks.lab import Lab
from benchmarks.predictions import predict_request
from benchmarks.rows import Row, at_most
from benchmarks.samples import samples
from benchmarks.servers import ECHO, Caller, echo_server
from benchmarks.stand import stand
from client_lib.predictor import PREDICT

CALLS = 2000


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 3)
    with stand() as app, echo_server(lab.folder) as bare:
        requests = [predict_request(app, inference, samples(1))] * calls
        socket = app.device.locations.socket
        with Caller(socket, PREDICT.path, app.session()) as predict, Caller(bare, ECHO) as echo:
            medians = lab.medians(
                "B1 predict",
                {
                    "prediction": lambda: {"ours": predict.p50_us(requests)},
                    "echo": lambda: {"reference": echo.p50_us(requests)},
                },
            )
    what = "one prediction over gRPC with two context types, p50; bare grpc.aio echo"
    return [Row("B1", what, "µs", medians["ours"], medians["reference"], at_most(1.5))]
