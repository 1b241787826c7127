"""What the daemon says of itself, and what it leaves for later when it starts."""

import subprocess
import sys
import tomllib
from pathlib import Path

from platform_daemon.release import VERSION


def test_the_release_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_a_start_waits_for_nothing_that_only_later_calls_need() -> None:
    libraries = ["apscheduler", "cryptography.x509", "email", "importlib.metadata", "packaging", "tomllib"]
    later = ["client_lib.learning", *libraries]
    code = f"import platform_daemon.app, sys; print([name for name in {later} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
