import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.artifacts.committer import ENCLAVE, URI, open_artifacts
from tests.artifacts.faults import files_below

ROOT = Path(__file__).parents[2]
KILLS = 6


def test_a_killed_process_keeps_every_acknowledged_version(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(KILLS):
        command = [sys.executable, "-m", "tests.artifacts.committer", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
            assert child.stdout is not None
            acknowledged = 0
            for _ in range(chance.randint(1, 12)):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
        artifacts = open_artifacts(tmp_path)
        serving = artifacts.in_use(ENCLAVE, URI)
        assert serving is not None
        assert serving[0] in (acknowledged, acknowledged + 1)
        assert artifacts.read(ENCLAVE, URI)[1] == b"parameters" * 1000
        (found,) = artifacts.artifacts(ENCLAVE)
        assert len(files_below(tmp_path / "mutable")) == len(found.versions) <= 3
