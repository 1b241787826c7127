"""The daemon does all its work under the filters of its systemd unit."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_lib import CollectionOptions, OneOff, PredictorOptions, TrainerOptions
from tests.daemon import confined_launcher
from tests.daemon.harness import Daemon, eventually
from tests.daemon.test_training import PARAMETERS, points

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "insitu.service"


class ConfinedDaemon(Daemon):
    def launch(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, confined_launcher.__file__, str(UNIT), "--home", str(self.home)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    started = ConfinedDaemon(tmp_path / "home").start()
    yield started
    started.stop()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_collecting_training_and_predicting_work_under_it(daemon: Daemon, charging_plans: Path) -> None:
    assert daemon.process is not None
    process = Path(f"/proc/{daemon.process.pid}/status").read_text()
    assert "Seccomp_filters:\t2" in process, "the unit's, and the daemon's own"
    (train_plan,), (infer_plan,) = charging_plans.rglob("*.train.plan"), charging_plans.rglob("*.infer.plan")
    daemon.idle_and_charging()
    with daemon.connect(daemon.new_app("com.example.confined")) as learning:
        learning.get_collection_client(CollectionOptions("points")).add_many(points(200, seed=1)).result()
        options = TrainerOptions("points", train_plan, output=PARAMETERS, cadence=OneOff())
        trainer = learning.get_trainer_client(options)
        trainer.schedule()
        eventually(lambda: bool(trainer.status().output_version), timeout_s=60)
        predictor = learning.get_predictor_client(PredictorOptions(infer_plan, parameters=PARAMETERS))
        assert predictor.predict({"x": [0.5, 1.0]}).served_by.parameters_version == 1
    with daemon.control() as control:
        assert list(control.status().missing_protections) == []
