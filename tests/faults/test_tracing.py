"""K14, once; a soak goes on for longer."""

import shutil
from pathlib import Path

import pytest

from tests.faults.traced import watch_system_calls


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_nobody_does_what_nobody_may(plans: Path) -> None:
    assert watch_system_calls(1, 1, plans) == []
