"""Run as `python -m tests.backup.killed_restore FILE STATE MOMENT`: restore, and be killed by SIGKILL then."""

import os
import shutil
import signal
import sys
from pathlib import Path

from platform_daemon.backup import swap
from tests.backup.samples import restored


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    file, state, moment = sys.argv[1:]
    # The steps of the module are its seams: there is no other way to be between two of them.
    match moment:
        case "unpacking":
            os.fsync = die
        case "before the exchange":
            swap._exchange = die
        case "after the exchange":
            swap.erase = die
        case "half erased":
            shutil.rmtree = die
    restored(Path(file).read_bytes(), Path(state), replace=True)
