"""B7: what an idle primary holds of the memory, and how soon a started one answers, beside a bare grpc.aio process.

Both processes are started anew for each turn, on a state folder that is there already; the first answer is that of the
first call on the apps' socket, made as soon as somebody listens.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.lab import Figures, Lab
from benchmarks.rows import Row, at_most
from benchmarks.servers import ECHO, Caller, echo_command, serving
from benchmarks.sockets import await_listener
from client_lib.locations import locate

HEALTH = "/grpc.health.v1.Health/Check"
SETTLING_S = 1.0
"""Until what only the start needs has been given back."""
ROUNDS = 9


def run(lab: Lab) -> list[Row]:
    home, bare = lab.folder / "home", lab.folder / "bare.sock"
    primary = ["-m", "platform_daemon", "--home", str(home)]
    socket = locate(home).socket
    _start(primary, socket, HEALTH, "provisioned")
    contenders = {
        "primary": lambda: _start(primary, socket, HEALTH, "ours"),
        "bare grpc.aio": lambda: _start(echo_command(bare), bare, ECHO, "reference"),
    }
    medians = lab.medians("B7 idle primary", contenders, ROUNDS)
    return [
        Row("B7", "resident memory of the idle primary; a bare grpc.aio process", "MB",
            medians["ours_mb"], medians["reference_mb"], at_most(2.5)),
        Row("B7", "start of the primary to its first answer; the same process", "ms",
            medians["ours_ms"], medians["reference_ms"], at_most(3)),
    ]  # fmt: skip


def _start(command: Sequence[str], socket: Path, method: str, name: str) -> Figures:
    started_s = time.perf_counter()
    with serving(command) as process:
        await_listener(socket)
        with Caller(socket, method) as call:
            call(b"")
            answered_s = time.perf_counter()
            time.sleep(SETTLING_S)
            resident_bytes = psutil.Process(process.pid).memory_info().rss
    return {f"{name}_ms": (answered_s - started_s) * 1e3, f"{name}_mb": resident_bytes / 1e6}
