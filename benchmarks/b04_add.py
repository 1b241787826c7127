"""B4: one `add` over gRPC, sealed, with two context types, beside a bare grpc.aio echo of the same bytes."""

import os

from benchmarks.lab import Lab
from benchmarks.rows import Row, at_most
from benchmarks.samples import samples
from benchmarks.servers import ECHO, Caller, echo_server
from benchmarks.stand import CONTEXT, stand
from client_lib import CollectionOptions
from client_lib.encoding import encode
from insitu.v1.collection_pb2 import AddRequest

ADD = "/insitu.v1.Collections/Add"
CALLS = 2000


def run(lab: Lab) -> list[Row]:
    calls = lab.effort.count(CALLS, 3)
    example = encode(samples(1).examples()[0])
    with stand() as app, echo_server(lab.folder) as bare:
        app.learning.get_collection_client(CollectionOptions("digits", context=CONTEXT))

        def requests() -> list[bytes]:
            """Each with an idempotency key of its own, as the client library sends them."""
            return [
                AddRequest(collection="digits", examples=[example], idempotency_key=os.urandom(16)).SerializeToString()
                for _ in range(calls)
            ]

        with Caller(app.device.locations.socket, ADD, app.session()) as add, Caller(bare, ECHO) as echo:
            medians = lab.medians(
                "B4 add",
                {
                    "add": lambda: {"ours": add.p50_us(requests())},
                    "echo": lambda: {"reference": echo.p50_us(requests())},
                },
            )
    what = "one add over gRPC with two context types, p50; bare grpc.aio echo"
    return [Row("B4", what, "µs", medians["ours"], medians["reference"], at_most(1.4))]
