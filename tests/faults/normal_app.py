"""Run as `python -m tests.faults.normal_app SOCKET CREDENTIALS PLAN TRANSPORT SECONDS`: an app that does nothing
unusual, in a process of its own. Adds, predicts and asks, one call after the other; prints one JSON object:
`failures`, and by call the sorted `latencies_s`."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from client_lib import CollectionOptions, InsituError, Learning, PredictorOptions

POINT = {"x": [1.0, 2.0, 3.0, 4.0]}
PAUSE_S = 0.002
"""Nobody types faster."""
LEAST_CALLS = 10
PATIENCE_S = 30.0
"""On a machine that is busy with other things too, so many calls may take so much longer."""


def main(socket: str, credentials: str, plan: str, transport: str, seconds: str) -> None:
    keys = Path(credentials)
    with Learning.connect(package=keys.stem, credentials=keys, socket=socket, transport=transport) as learning:
        words = learning.get_collection_client(CollectionOptions("words", max_examples=10_000))
        model = learning.get_predictor_client(PredictorOptions(Path(plan)))
        calls: dict[str, Callable[[], object]] = {
            "add": lambda: words.add(POINT).result(),
            "predict": lambda: model.predict(POINT),
            "stats": words.stats,
        }
        for call in calls.values():
            call()
        latencies_s: dict[str, list[float]] = {name: [] for name in calls}
        failures: list[str] = []
        ends_s = time.monotonic() + float(seconds)
        gives_up_s = ends_s + PATIENCE_S
        while (now_s := time.monotonic()) < ends_s or (_count(latencies_s) < LEAST_CALLS and now_s < gives_up_s):
            for name, call in calls.items():
                began_s = time.perf_counter()
                try:
                    call()
                except InsituError as error:
                    failures.append(f"{name} was answered {error.status} {error.reason}: {error}")
                latencies_s[name].append(time.perf_counter() - began_s)
                time.sleep(PAUSE_S)
    print(json.dumps({"failures": failures, "latencies_s": {name: sorted(all) for name, all in latencies_s.items()}}))


def _count(latencies_s: dict[str, list[float]]) -> int:
    return sum(map(len, latencies_s.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
