"""K6: graphs with bytes of chance in them. A graph may kill its worker, never the daemon, and no other app notices."""

import random
import tempfile
from collections import Counter
from pathlib import Path

from client_lib import InsituError, PredictorOptions
from insitu.v1.plan_pb2 import Plan
from tests.daemon.harness import Daemon, running
from tests.faults.evidence import ended_in_order
from tests.faults.figures import note

POINT = {"x": [1.0, 2.0, 3.0, 4.0]}
TOLD = {"INVALID_ARGUMENT", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
ENGINE = "INTERNAL ENGINE"
"""What an app is told whose graph failed in a way that its engine has no name for."""


def predict_with_broken_graphs(count: int, seed: int, plan: Path) -> list[str]:
    """So many graphs, each of an app of its own; returns what was not answered as it must be."""
    chance, failures, told = random.Random(seed), [], Counter[str]()
    good = Plan.FromString(plan.read_bytes())
    with tempfile.TemporaryDirectory(prefix="k6-") as home, running(Path(home)) as daemon:
        with daemon.connect(daemon.new_app("com.example.neighbour")) as learning:
            neighbour = learning.get_predictor_client(PredictorOptions(plan))
            for number in range(count):
                broken = daemon.home / f"broken-{number}.plan"
                broken.write_bytes(_broken(good, chance).SerializeToString())
                answer = _predict(daemon, f"com.example.broken{number}", broken)
                told[answer] += 1
                if answer not in ("OK", ENGINE) and answer.split()[0] not in TOLD:
                    failures.append(f"graph {number} of seed {seed} was answered {answer}")
                if len(neighbour.predict(POINT)["probabilities"].values) != 3:
                    failures.append(f"beside graph {number} of seed {seed}, another app's prediction was wrong")
        note("graphs that were run all the same", float(told["OK"]))
        return failures + ended_in_order(daemon)


def _predict(daemon: Daemon, package: str, plan: Path) -> str:
    with daemon.connect(daemon.new_app(package)) as learning:
        try:
            learning.get_predictor_client(PredictorOptions(plan)).predict(POINT)
        except InsituError as error:
            return f"{error.status} {error.reason}"
    return "OK"


def _broken(good: Plan, chance: random.Random) -> Plan:
    """The plan with some bytes of its graph changed, cut off or repeated."""
    graph = bytearray(good.graph.inline)
    match chance.randrange(4):
        case 0:
            for _ in range(chance.choice((1, 4, 32))):
                graph[chance.randrange(len(graph))] = chance.randrange(256)
        case 1:
            at = chance.randrange(len(graph) - 4)
            graph[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)))
        case 2:
            del graph[chance.randrange(len(graph)) :]
        case _:
            start, end = sorted(chance.sample(range(len(graph)), 2))
            graph[start:start] = graph[start:end]
    plan = Plan()
    plan.CopyFrom(good)
    plan.graph.inline = bytes(graph)
    return plan
