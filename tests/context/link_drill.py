"""Run inside a network namespace of its own: a link goes up and down, and what the daemon's context says of it.

Argument: the folder where that namespace's sysfs is mounted. Prints JSON: the value of `network.connected` after each
change, the milliseconds from the change to the reading, and the mode. No poll takes part.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from context import ContextManager, ContextRegistry, SystemClock
from context.sources import SysfsNetwork
from tests.context.kernel import Overheard


class OverheardNetwork(Overheard, SysfsNetwork):
    pass


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def main(root: Path) -> None:
    ip("link", "add", "near0", "type", "veth", "peer", "name", "far0")
    ip("link", "set", "far0", "up")
    source = OverheardNetwork(root)
    manager = ContextManager(SystemClock(), ContextRegistry(), [source])
    manager.start()
    source.hear()

    def connected() -> object:
        reading = manager.reading("network")
        return None if reading is None else reading.values.get("connected")

    seen, latencies_ms = [connected()], []
    for direction, expected in (("up", True), ("down", False), ("up", True), ("down", False)):
        ip("link", "set", "near0", direction)
        changed_s = time.perf_counter()
        # Several announcements belong to one change, and the last ones of the change before may come now.
        while connected() is not expected:
            source.hear()
        latencies_ms.append(round((time.perf_counter() - changed_s) * 1000, 2))
        seen.append(connected())
    print(json.dumps({"connected": seen, "latencies_ms": latencies_ms, "mode": source.mode.value}))
    manager.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
