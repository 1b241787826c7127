"""Back up while apps write, sometimes killing the daemon meanwhile, and restore each backup into a home of its own."""

import random
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from client_lib import InsituError
from context.clock import SystemClock
from insitu_cli import backups
from platform_daemon.backup.restore import restore
from tests.daemon.harness import Daemon, eventually, running
from tests.faults.evidence import opened_store, stored
from tests.faults.writers import COLLECTION, Writer, compare, failures_of, writing

APPS = 4
PASSPHRASE = "correct horse battery staple"
Acknowledged = dict[str, dict[int, int]]


def back_up_while_apps_write(count: int, seed: int) -> list[str]:
    """Take so many backups; returns what is not as it must be, in them and in the daemon."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="bk-") as base, running(Path(base) / "home") as daemon:
        made: list[tuple[Path, Acknowledged]] = []
        failures = []
        with writing(daemon, APPS, seed) as writers:
            eventually(lambda: all(writer.acknowledged for writer in writers))
            for number in range(count):
                before = {writer.package: dict(writer.acknowledged) for writer in writers}
                file = Path(base) / f"{number}.backup"
                kill_after_s = chance.uniform(0.3, 1.0) if number % 3 == 2 else None
                if _backed_up(daemon, file, kill_after_s):
                    made.append((file, before))
                elif list(file.parent.glob(f"*{file.name}*")):
                    failures.append(f"backup {number} failed and left a file")
        for file, before in made:
            failures += [f"{file.name}: {what}" for what in _judged(file, before, writers)]
            file.unlink()
        if len(made) < count - count // 3:
            failures.append(f"only {len(made)} of {count} backups succeeded")
        return failures + failures_of(daemon, writers)


def _backed_up(daemon: Daemon, file: Path, kill_after_s: float | None) -> bool:
    """Whether there is a backup. A daemon that was killed runs again."""
    killer = threading.Timer(kill_after_s or 0.0, daemon.kill)
    if kill_after_s is not None:
        killer.start()
    try:
        with daemon.control() as control:
            backups.write(control, file, PASSPHRASE)
        return True
    except InsituError:
        return False
    finally:
        if kill_after_s is not None:
            killer.join()
            daemon.start()


def _judged(file: Path, before: Acknowledged, writers: list[Writer]) -> list[str]:
    """All that was acknowledged before the backup was begun is in it, once; of what came later, whole batches."""
    restored = Daemon(file.with_suffix(".home"))
    with file.open("rb") as opened:
        restore(opened, PASSPHRASE, restored.home / "state", SystemClock(), lambda read_bytes: None)
    failures = []
    with opened_store(restored) as store:
        for writer in writers:
            later = writer.uncertain | writer.acknowledged
            then = replace(writer, acknowledged=before[writer.package], uncertain=later, errors=set())
            found = stored(restored, store, writer.package, COLLECTION)
            failures += [f"{writer.package}: {what}" for what in compare(found, then)]
    return failures
