"""B4: one `add`, sealed, with two context types, over gRPC and on the lane, beside a bare grpc.aio echo.

The bytes are the same. Messages are serialized beforehand, and clients do nothing but send and receive.
"""

import os

from benchmarks.lab import Lab
from benchmarks.lane_wire import LaneCaller
from benchmarks.rows import Row, at_most
from benchmarks.samples import samples
from benchmarks.servers import ECHO, Caller, echo_server
from benchmarks.stand import CONTEXT, stand
from client_lib import CollectionOptions
from client_lib.collection import ADD
from client_lib.encoding import encode
from insitu.v1.collection_pb2 import AddRequest

CALLS = 2000


def run(lab: Lab) -> list[Row]:
    calls = lab.effort.count(CALLS, 3)
    example = encode(samples(1).examples()[0])
    with stand() as app, echo_server(lab.folder) as bare:
        app.learning.get_collection_client(CollectionOptions("digits", context=CONTEXT))
        socket, session = app.device.locations.socket, app.session()

        def requests() -> list[bytes]:
            """Each with an idempotency key of its own, as the client library sends them."""
            return [
                AddRequest(collection="digits", examples=[example], idempotency_key=os.urandom(16)).SerializeToString()
                for _ in range(calls)
            ]

        with (
            Caller(socket, ADD.path, session) as rpc,
            LaneCaller(socket, ADD.number, session) as lane,
            Caller(bare, ECHO) as echo,
        ):
            medians = lab.medians(
                "B4 add",
                {
                    "gRPC": lambda: {"grpc": rpc.p50_us(requests())},
                    "lane": lambda: {"lane": lane.p50_us(requests())},
                    "echo": lambda: {"reference": echo.p50_us(requests())},
                },
            )
    reference = medians["reference"]
    return [
        Row("B4", "one add over gRPC with two context types, p50; bare grpc.aio echo", "µs",
            medians["grpc"], reference, at_most(1.4)),
        Row("B4", "the same on the lane; bare grpc.aio echo", "µs", medians["lane"], reference, at_most(0.35)),
    ]  # fmt: skip
