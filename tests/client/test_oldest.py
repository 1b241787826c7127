"""The client library in an app's environment that holds the oldest libraries it promises to work with."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-oldest" / "bin" / "python"


def test_handshake_and_collections_with_the_oldest_libraries() -> None:
    if not PYTHON.exists():
        pytest.fail("run `make .venv-oldest/ready` first: the oldest libraries live in an environment of their own")
    files = [
        str(ROOT / "tests" / "client" / name)
        for name in ("test_handshake.py", "test_collections.py", "test_aio_lane.py")
    ]
    # None of the house's settings: they name plug-ins that an app's environment does not have.
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", os.devnull, f"--rootdir={ROOT}"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}", "INSITU_TEST_DAEMONS": "memory"}
    done = subprocess.run(
        [PYTHON, "-m", "pytest", *options, *files],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
