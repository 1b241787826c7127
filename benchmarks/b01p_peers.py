"""B1p: one prediction, beside MLServer over gRPC and LitServe over HTTP: the same network and engine.

One client, one call after another. Over gRPC, client and channel are the same on both sides and messages serialized
beforehand. On the lane ours goes through the client library, whose work counts; that of the peers' clients does not.
"""

import json

import numpy as np

from benchmarks.lab import Lab
from benchmarks.peer_servers import MODEL_INFER, PeerModel, litserve, mlserver
from benchmarks.predictions import predict_request
from benchmarks.rows import Row, at_most
from benchmarks.samples import samples
from benchmarks.servers import Caller, p50_us
from benchmarks.stand import stand
from client_lib import PredictorOptions
from client_lib.predictor import PREDICT

CALLS = 1000


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, 3)
    digit = samples(1)
    model = PeerModel.export(inference, digit, lab.folder / "peers")
    with stand(transport="lane") as app, mlserver(model) as (address, infer_request), litserve(model) as http:
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=inference))
        inputs = digit.inputs() * calls
        requests = [predict_request(app, inference, digit)] * calls
        socket = app.device.locations.socket
        with Caller(socket, PREDICT.path, app.session()) as rpc, Caller(address, MODEL_INFER) as infer:
            expected = np.asarray(predictor.predict(inputs[0])["probabilities"])
            assert expected.tobytes() in infer(infer_request), "MLServer predicts something else"
            assert np.allclose(json.loads(http())["probabilities"], expected), "LitServe predicts something else"
            medians = lab.medians(
                "B1p predict",
                {
                    "gRPC": lambda: {"grpc": rpc.p50_us(requests)},
                    "lane": lambda: {"lane": p50_us(predictor.predict, inputs)},
                    "MLServer": lambda: {"mlserver": infer.p50_us([infer_request] * calls)},
                    "LitServe": lambda: {"litserve": p50_us(lambda _: http(), inputs)},
                },
            )
    grpc, lane = medians["grpc"], medians["lane"]
    return [
        Row("B1p", "one prediction over gRPC, p50; MLServer over gRPC", "µs", grpc, medians["mlserver"], at_most(0.9)),
        Row("B1p", "the same on the lane; MLServer over gRPC", "µs", lane, medians["mlserver"], at_most(0.25)),
        Row("B1p", "the same on the lane; LitServe over HTTP", "µs", lane, medians["litserve"], at_most(0.2)),
    ]
