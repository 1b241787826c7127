"""K14: no process of a daemon at work has an Internet socket or can open one."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from client_lib import CollectionOptions, OneOff, PredictorOptions, SessionState, TrainerOptions
from tests.daemon.harness import Daemon, eventually, running
from tests.faults.plans import COLLECTION, points

pytestmark = pytest.mark.faults


def test_primary_worker_and_trainer_at_work_are_confined(tmp_path: Path, plans: Path) -> None:
    with running(tmp_path) as daemon, daemon.connect(daemon.new_app("com.example.busy")) as learning:
        learning.get_collection_client(CollectionOptions(COLLECTION)).add_many(points(400)).result()
        model = learning.get_predictor_client(PredictorOptions(plan=plans / "softmax.plan"))
        model.predict({"x": [1.0, 2.0, 3.0, 4.0]})
        daemon.idle_and_charging(True)
        options = TrainerOptions("busy", plans / "train.plan", "artifact:/busy/params", cadence=OneOff())
        trainer = learning.get_trainer_client(options)
        trainer.schedule()
        eventually(lambda: trainer.status().state is SessionState.RUNNING and trainer.status().step > 0)
        for role, pid in roles(daemon).items():
            check_confined(role, pid)
        with daemon.control() as control:
            assert list(control.status().missing_protections) == []
        assert daemon.stop() == 0


def roles(daemon: Daemon) -> dict[str, int]:
    with daemon.control() as control:
        status = control.status()
    return {"primary": int(status.pid)} | {one.role: int(one.pid) for one in status.processes}


def check_confined(role: str, pid: int) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines())
        assert status["Seccomp"].strip() == "2", f"{role}: thread {thread.name}"
        assert status["NoNewPrivs"].strip() == "1", f"{role}: thread {thread.name}"
    assert psutil.Process(pid).net_connections("inet") == []
    mapped = Path(f"/proc/{pid}/maps").read_text()
    numerics = [name for name in ("numpy", "safetensors", "litert", "tensorflow") if f"/{name}" in mapped]
    assert (numerics == []) is (role == "primary"), f"{role}: {numerics}"


def test_the_primary_cannot_open_an_internet_socket(tmp_path: Path) -> None:
    """The daemon's own start, and then what a taken-over primary would try."""
    code = """
import errno, socket, sys
from platform_daemon import app, __main__

def instead_of_serving(configuration, missing, file):
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                socket.socket(family, kind)
            except OSError as error:
                assert error.errno == errno.EAFNOSUPPORT, error
            else:
                raise AssertionError(f"{family} went through")
    socket.socket(socket.AF_UNIX).close()
    return 42

app.run = instead_of_serving
sys.exit(__main__.main(["--home", sys.argv[1]]))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 42, result.stderr
