"""B15: what the command and the client library take before they do anything, beside importing gRPC."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.lab import Contender, Figures, Lab
from benchmarks.rows import Row, at_most

ROUNDS = 21


def run(lab: Lab) -> list[Row]:
    insitu = str(Path(sys.executable).with_name("insitu"))
    medians = lab.medians(
        "B15 imports",
        {
            "insitu --help": _process("help", insitu, "--help"),
            "import client_lib": _process("client", sys.executable, "-c", "import client_lib"),
            "import grpc": _process("grpc", sys.executable, "-c", "import grpc"),
        },
        ROUNDS,
    )
    grpc = medians["grpc"]
    return [
        Row("B15", "insitu --help; python -c 'import grpc'", "ms", medians["help"], grpc, at_most(3)),
        Row("B15", "import client_lib; python -c 'import grpc'", "ms", medians["client"], grpc, at_most(1.5)),
    ]


def _process(name: str, *command: str) -> Contender:
    def measure() -> Figures:
        started_s = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return {name: (time.perf_counter() - started_s) * 1e3}

    return measure
