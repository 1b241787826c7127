"""B2: 32 callers at once, four to a connection, beside MLServer with as many.

All of them live in one process that does little more than copy bytes (`callers.py`). Over gRPC it is the same program
on both sides; the lane, which only Insitu has, gets a row of its own.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.callers import Callers, Wire
from benchmarks.grpc_wire import GrpcWire
from benchmarks.lab import Contender, Figures, Lab
from benchmarks.lane_wire import LaneWire
from benchmarks.peer_servers import MODEL_INFER, PeerModel, mlserver
from benchmarks.predictions import predict_request
from benchmarks.rows import Row, at_least
from benchmarks.samples import samples
from benchmarks.stand import stand
from client_lib.predictor import PREDICT

CONNECTIONS = 8
CALLERS_EACH = 4
CALLS = 4000


def run(lab: Lab) -> list[Row]:
    inference = lab.plans.inference("digits")
    calls = lab.effort.count(CALLS, CONNECTIONS * CALLERS_EACH)
    digit = samples(1)
    model = PeerModel.export(inference, digit, lab.folder / "peers")
    busiest: list[float] = []

    def contender(name: str, server: Path | str, wire: Callable[[], Wire]) -> Contender:
        def measure() -> Figures:
            with Callers(server, [wire() for _ in range(CONNECTIONS)], CALLERS_EACH) as callers:
                load = callers.run(calls)
            busiest.append(load.client_share)
            return {name: load.calls_per_s}

        return measure

    with stand() as app, mlserver(model) as (address, infer_request):
        request, socket, session = predict_request(app, inference, digit), app.device.locations.socket, app.session()
        medians = lab.medians(
            "B2 callers",
            {
                "gRPC": contender("grpc", socket, lambda: GrpcWire(PREDICT.path, request, {"insitu-session": session})),
                "lane": contender("lane", socket, lambda: LaneWire(PREDICT.number, request, session)),
                "MLServer": contender("mlserver", address, lambda: GrpcWire(MODEL_INFER, infer_request)),
            },
        )
    lab.say(f"B2 the client took at most {max(busiest):.0%} of a core")
    reference = medians["mlserver"]
    return [
        Row("B2", "32 callers at once over gRPC; MLServer over gRPC", "predictions/s",
            medians["grpc"], reference, at_least(2)),
        Row("B2", "32 callers at once on the lane; MLServer over gRPC", "predictions/s",
            medians["lane"], reference, at_least(2)),
    ]  # fmt: skip
