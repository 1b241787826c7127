"""Ends in order, and begins again after any end."""

import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client_lib import InsituError, PredictorOptions
from tests.daemon.harness import Daemon, running
from tests.faults.evidence import children
from tests.faults.plans import HANGS
from tests.faults.shutdowns import SHUTDOWN_S

pytestmark = pytest.mark.faults


def test_sigterm_while_a_graph_hangs_ends_in_time(tmp_path: Path, plans: Path) -> None:
    with running(tmp_path) as daemon, daemon.connect(daemon.new_app("com.example.hanging")) as learning:
        model = learning.get_predictor_client(PredictorOptions(plan=plans / f"{HANGS}.plan"))
        model.load()
        with ThreadPoolExecutor(1) as pool:
            stuck = pool.submit(model.predict, {"x": [1e9, 0.0, 0.0, 0.0]})
            began_s = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - began_s < SHUTDOWN_S
            assert isinstance(stuck.exception(30), InsituError)
        assert children(daemon) == []


def test_a_second_daemon_on_the_same_home_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        command = [sys.executable, "-m", "platform_daemon", "--home", str(tmp_path)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        (line,) = second.stderr.splitlines()
        assert line.startswith("insitud: ")
        assert "open already: stop the daemon that runs there" in line
        with daemon.control() as control:
            assert control.status().pid == daemon.process.pid if daemon.process else False
        assert daemon.stop() == 0


def test_what_a_killed_daemon_leaves_stands_in_nobodys_way(tmp_path: Path, plans: Path) -> None:
    with running(tmp_path) as daemon:
        for _ in range(3):
            with daemon.connect(daemon.app("com.example.returning")) as learning:
                learning.get_predictor_client(PredictorOptions(plan=plans / "softmax.plan")).load()
                left = daemon.socket.stat().st_ino
                daemon.kill()
                assert daemon.socket.stat().st_ino == left
                daemon.start()
        assert children(daemon) == []
        assert daemon.stop() == 0
        assert not daemon.socket.exists()


def test_ends_in_time_however_soon_it_is_told_to() -> None:
    chance = random.Random(2)
    with tempfile.TemporaryDirectory(prefix="end-") as home:
        daemon = Daemon(Path(home))
        for _ in range(6):
            daemon.launch()
            assert daemon.process is not None
            time.sleep(chance.uniform(0.3, 1.5))
            daemon.process.terminate()
            # Before its handlers are in place the signal simply ends it.
            assert daemon.process.wait(SHUTDOWN_S) in (0, -15)
        daemon.start()
        assert daemon.stop() == 0
