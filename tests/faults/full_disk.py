"""K3: the daemon's disk fills up while apps write, and has room again."""

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from client_lib import CollectionOptions, InsituError
from tests.daemon.harness import SCRIPTED, Daemon, eventually
from tests.faults.writers import Writer, failures_of, writing
from tests.store.small_disk import beneath, fill, inside, make_room

APPS = 4
DISK_MIB = 64
TO_THE_BRIM = f"{SCRIPTED}[limits]\ndisk_reserve_bytes = 0\n"
_EXPECTED_EVENTS = ("store_reopened", "store_unusable")


class SmallDiskDaemon(Daemon):
    """Its state lies on a small file system of its own, which another process holds, so that the daemon can be started
    again. What is left is copied to the usual place when it stops."""

    def __init__(self, home: Path, configuration: str = TO_THE_BRIM, size_mib: int = DISK_MIB) -> None:
        super().__init__(home, configuration)
        state = home / "state"
        state.mkdir()
        outside = state.stat().st_dev
        self._holder = subprocess.Popen(beneath(state, size_mib, ["sleep", "infinity"]))
        self.disk = Path(f"/proc/{self._holder.pid}/root{state}")
        eventually(lambda: self.disk.exists() and self.disk.stat().st_dev != outside)

    def launch(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "platform_daemon", "--home", str(self.home)]
            self.process = subprocess.Popen(inside(self._holder.pid, command), stdout=log, stderr=log)

    def stop(self) -> int:
        status = super().stop()
        if self._holder.poll() is None:
            subprocess.run(["cp", "-r", "--preserve=mode", f"{self.disk}/.", self.home / "state"], check=True)
            self.release()
        return status

    def release(self) -> None:
        """The file system goes, with all that is on it. Repeatable."""
        self._holder.kill()
        self._holder.wait()


@contextmanager
def small_disk_daemon(
    home: Path, configuration: str = TO_THE_BRIM, size_mib: int = DISK_MIB
) -> Iterator[SmallDiskDaemon]:
    daemon = SmallDiskDaemon(home, configuration, size_mib)
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()
        daemon.release()


def fill_disks(count: int, seed: int) -> list[str]:
    """Fill it so often; returns what is not as it must be."""
    chance = random.Random(seed)
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="k3-") as home, small_disk_daemon(Path(home)) as daemon:
        with writing(daemon, APPS, seed, expected=("DISK_FULL",)) as writers:
            with daemon.connect(daemon.app("com.example.writer0")) as learning:
                learning.get_collection_client(CollectionOptions("others"))
            for number in range(count):
                _write_some(writers)
                fill(daemon.disk, spared_bytes=chance.choice((0, 4096, 500_000)))
                _until_all_are_told(daemon, writers)
                failures += [f"filling {number}: {what}" for what in _ask(daemon, number)]
                make_room(daemon.disk)
                if chance.random() < 0.3:
                    daemon.kill()
                    daemon.start()
            _write_some(writers)
            failures += [f"afterwards: {what}" for what in _use(daemon)]
        failures += failures_of(daemon, writers)
    return [one for one in failures if not any(event in one for event in _EXPECTED_EVENTS)]


def _write_some(writers: Sequence[Writer]) -> None:
    """Until every app has been served again, by itself."""
    before = [len(writer.acknowledged) for writer in writers]
    eventually(lambda: all(len(w.acknowledged) > b + 5 for w, b in zip(writers, before, strict=True)), timeout_s=30)


def _until_all_are_told(daemon: SmallDiskDaemon, writers: Sequence[Writer]) -> None:
    before = [writer.refusals["DISK_FULL"] for writer in writers]

    def told() -> bool:
        fill(daemon.disk)  # LevelDB makes some room itself when it compacts
        return all(w.refusals["DISK_FULL"] > b for w, b in zip(writers, before, strict=True))

    eventually(told, timeout_s=30)


def _ask(daemon: SmallDiskDaemon, number: int) -> list[str]:
    """What a full disk does to the rest: it is read, and nothing else is written."""
    wrong = []
    with daemon.control() as control:
        stored = {app.package: sum(one.examples for one in app.collections) for app in control.data().apps}
        if not all(stored[f"com.example.writer{app}"] for app in range(APPS)):
            wrong.append("what is stored is not counted any more")
        control.status()
    approvals = {_refusal(partial(daemon.new_app, f"com.example.late{number}x{i}")) for i in range(20)}
    if "DISK_FULL" not in approvals:
        wrong.append("the owner is not told that apps and grants cannot be written")
    # A new account needs a row in the small state, and a key in the keyring.
    additions = {_refusal(partial(_add, daemon, f"account {number} {i}")) for i in range(20)}
    if "DISK_FULL" not in additions:
        wrong.append("an app is not told that a key cannot be written")
    return [*wrong, *(f"answered {reason}" for reason in (approvals | additions) - {"DISK_FULL", ""})]


def _add(daemon: SmallDiskDaemon, account: str) -> None:
    with daemon.connect(daemon.app("com.example.writer0")) as learning:
        learning.get_collection_client("others").add({"x": 1.0}, account=account).result()


def _refusal(work: Callable[[], object]) -> str:
    try:
        work()
    except InsituError as error:
        return error.reason
    return ""


def _use(daemon: SmallDiskDaemon) -> list[str]:
    """What a device with room does, as ever."""
    reason = _refusal(partial(daemon.new_app, "com.example.afterwards")) or _refusal(
        partial(_add, daemon, "afterwards")
    )
    return [f"a new app or account is refused: {reason}"] if reason else []
