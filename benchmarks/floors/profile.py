"""Where the time of a call goes: what the client, the primary and the worker compute for it.

Read from the scheduler's own accounts, thread by thread: a profiler would cost more than what it looks at. What a call
takes beyond their sum it spends in the kernel's hands, on the way from one process to the next.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.lab import Effort
from benchmarks.lane_wire import LaneCaller
from benchmarks.predictions import predict_request
from benchmarks.samples import samples, vectors
from benchmarks.servers import Caller
from benchmarks.stand import CONTEXT, Stand, stand
from benchmarks.table import figure
from client_lib import CollectionOptions, PredictorOptions
from client_lib.collection import ADD
from client_lib.encoding import encode
from client_lib.predictor import PREDICT
from insitu.v1.collection_pb2 import AddRequest

_CALLS = 2000
_MANY = 10_000
_WARM_UPS = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """Microseconds for one unit of work."""

    what: str
    taken: float
    """By the clock on the wall."""
    client: float
    primary: float
    worker: float


def measure_profiles(inference: Path, effort: Effort) -> list[Profile]:
    calls, many = effort.count(_CALLS), effort.count(_MANY, 1000)
    digit = samples(1)
    batch, reading = samples(1000), vectors(1000) * (many // 1000)
    columns, rows = {"pixels": batch.pixels}, batch.inputs()
    with ExitStack() as open_things:
        app = open_things.enter_context(stand(transport="lane"))
        socket, session = app.device.locations.socket, app.session()
        predictor = app.learning.get_predictor_client(PredictorOptions(plan=inference))
        collection = app.learning.get_collection_client(CollectionOptions("readings", context=CONTEXT))
        request = predict_request(app, inference, digit)
        rpc_predict = open_things.enter_context(Caller(socket, PREDICT.path, session))
        lane_predict = open_things.enter_context(LaneCaller(socket, PREDICT.number, session))
        rpc_add = open_things.enter_context(Caller(socket, ADD.path, session))
        lane_add = open_things.enter_context(LaneCaller(socket, ADD.number, session))
        example = encode(digit.examples()[0])

        def addition() -> bytes:
            key = os.urandom(16)
            return AddRequest(collection="readings", examples=[example], idempotency_key=key).SerializeToString()

        (pixels,) = digit.inputs()
        return [
            _profile(app, "prediction, client library on the lane", lambda: predictor.predict(pixels), calls),
            _profile(app, "prediction, bytes on the lane", lambda: lane_predict(request), calls),
            _profile(app, "prediction, bytes over gRPC", lambda: rpc_predict(request), calls),
            _profile(app, "add, bytes on the lane", lambda: lane_add(addition()), calls),
            _profile(app, "add, bytes over gRPC", lambda: rpc_add(addition()), calls),
            _profile(
                app, "a row of predict_columns", lambda: predictor.predict_columns(columns), max(1, calls // 20), 1000
            ),
            _profile(app, "a row of predict_many", lambda: predictor.predict_many(rows), max(1, calls // 100), 1000),
            _profile(app, "an example of add_many", lambda: collection.add_many(reading).result(), 5, len(reading)),
        ]


def show_profiles(profiles: list[Profile], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("where the time goes, µs")
    for name in ("taken", "client", "primary", "worker"):
        table.add_column(name, justify="right", no_wrap=True)
    for profile in profiles:
        table.add_row(profile.what, *map(figure, (profile.taken, profile.client, profile.primary, profile.worker)))
    console.print(table)


def _profile(app: Stand, what: str, work: Callable[[], object], times: int, holds: int = 1) -> Profile:
    """`work` is done so many times; each holds so many units."""
    for _ in range(min(times, _WARM_UPS)):
        work()
    workers = [child.pid for child in psutil.Process(app.pid).children()]
    before_ns = [_computed_ns(os.getpid()), _computed_ns(app.pid), sum(map(_computed_ns, workers))]
    started_s = time.perf_counter()
    for _ in range(times):
        work()
    taken_s = time.perf_counter() - started_s
    after_ns = [_computed_ns(os.getpid()), _computed_ns(app.pid), sum(map(_computed_ns, workers))]
    units = times * holds
    client, primary, worker = (
        (after - before) / units / 1e3 for before, after in zip(before_ns, after_ns, strict=True)
    )
    return Profile(what, taken_s * 1e6 / units, client, primary, worker)


def _computed_ns(pid: int) -> int:
    """Processor time of all threads that live, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
