"""Run as `python -m tests.faults.flooding_app SOCKET CREDENTIALS PLAN TRANSPORT`: an app that sends all that it can
over several connections, until its standard input ends. Prints a line once it floods, then one JSON object: how often
it was told what, by status and reason."""

import hashlib
import itertools
import json
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from client_lib import CollectionOptions, InsituError, Learning, PredictorOptions
from client_lib.collection import ADD, STATS
from client_lib.encoding import encode
from client_lib.handshake import REGISTER
from client_lib.lane_transport import LaneTransport
from client_lib.predictor import PREDICT
from insitu.v1.access_pb2 import RegisterRequest
from insitu.v1.collection_pb2 import AddRequest, CollectionStatsRequest
from insitu.v1.prediction_pb2 import ModelReference, PredictRequest
from tests.faults.plans import HANGS

CONNECTIONS = 6
AHEAD = 250
"""Calls on their way on each connection."""
BURST = 720
"""Above what an app may have under way."""
SLOW = {"x": [10_000.0, 0.0, 0.0, 0.0]}
"""A few milliseconds of the worker each, so that the calls before it stand there still when the last one comes."""
Start = Callable[[Any, Any, str], Callable[[], object]]
"""Sends a request with a session, and returns what waits for the answer."""
POINT = {"x": [1.0, 2.0, 3.0, 4.0]}


class Flood:
    def __init__(self, socket: Path, credentials: Path, plan: Path, transport: str) -> None:
        self.told: Counter[str] = Counter()
        self.stop = threading.Event()
        self._socket, self._transport = socket, transport
        self._learning = Learning.connect(package=credentials.stem, credentials=credentials, socket=socket)
        self._learning.get_collection_client(CollectionOptions("words", max_examples=10_000))
        self._learning.get_predictor_client(PredictorOptions(plan)).predict(POINT)
        self._session = self._learning._connection.session
        slow = plan.with_name(f"{HANGS}.plan")
        self._learning.get_predictor_client(PredictorOptions(slow)).predict(SLOW)
        self._slow = PredictRequest(model=_named(slow), examples=[encode(SLOW)])
        point = encode(POINT)
        small = PredictRequest(model=_named(plan), examples=[point])
        many = PredictRequest(model=small.model, examples=[point] * 500)
        added = AddRequest(collection="words", examples=[encode({"text": "x" * 200, "n": 1})] * 500)
        self._calls = (
            (STATS, CollectionStatsRequest(collection="words"), self._session),
            (PREDICT, small, self._session),
            (ADD, added, self._session),
            (PREDICT, many, self._session),
            (STATS, CollectionStatsRequest(collection="words"), "no session"),
            (REGISTER, RegisterRequest(package=credentials.stem, api_key="x"), ""),
        )

    def burst(self) -> None:
        """More slow predictions at once than an app may have under way, over all connections."""
        connections = [self._connected() for _ in range(CONNECTIONS)]
        waiting = [
            start(PREDICT, self._slow, self._session) for _ in range(BURST // CONNECTIONS) for start, _ in connections
        ]
        for result in waiting:
            self._take(result)
        for _, close in connections:
            close()

    def pour(self) -> None:
        """On one connection."""
        start, close = self._connected()
        under_way: deque[Callable[[], object]] = deque()
        for method, request, session in self._endless():
            try:
                under_way.append(start(method, request, session))
            except InsituError as error:
                self.told[f"{error.status} {error.reason}"] += 1
            while len(under_way) >= AHEAD:
                self._take(under_way.popleft())
        close()

    def _connected(self) -> tuple[Start, Callable[[], None]]:
        return (_over_the_lane if self._transport == "lane" else _over_grpc)(self._socket)

    def _endless(self) -> Iterator[tuple[Any, Any, str]]:
        for call in itertools.cycle(self._calls):
            if self.stop.is_set():
                return
            yield call

    def _take(self, result: Callable[[], object]) -> None:
        try:
            result()
            self.told["OK"] += 1
        except InsituError as error:
            self.told[f"{error.status} {error.reason}"] += 1
        except grpc.RpcError as error:
            reason = dict(error.trailing_metadata() or ()).get("insitu-reason", "")
            self.told[f"{error.code().name} {reason}"] += 1


def _named(plan: Path) -> ModelReference:
    return ModelReference(plan=f"file:p#sha256={hashlib.sha256(plan.read_bytes()).hexdigest()}")


def _over_the_lane(socket: Path) -> tuple[Start, Callable[[], None]]:
    transport = LaneTransport(socket)

    def start(method: Any, request: Any, session: str) -> Callable[[], object]:
        pending = transport.start(method, request, session=session, timeout_s=30.0)
        assert pending is not None
        return pending.result

    return start, transport.close


def _over_grpc(socket: Path) -> tuple[Start, Callable[[], None]]:
    channel = grpc.insecure_channel(f"unix:{socket}", options=[("grpc.use_local_subchannel_pool", 1)])

    def start(method: Any, request: Any, session: str) -> Callable[[], object]:
        call = channel.unary_unary(method.path)
        metadata = (("insitu-session", session),)
        result: Callable[[], object] = call.future(request.SerializeToString(), timeout=30.0, metadata=metadata).result
        return result

    return start, channel.close


def main(socket: str, credentials: str, plan: str, transport: str) -> None:
    flood = Flood(Path(socket), Path(credentials), Path(plan), transport)
    flood.burst()
    threads = [threading.Thread(target=flood.pour, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    print("flooding", flush=True)
    sys.stdin.read()
    flood.stop.set()
    for thread in threads:
        thread.join(10)
    print(json.dumps(flood.told))


if __name__ == "__main__":
    main(*sys.argv[1:])
