"""K14: every system call that opens a socket or a file, by a daemon under load with hostile plans, as strace saw it."""

import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from client_lib import (
    CollectionOptions,
    DeadlineExceeded,
    Learning,
    OneOff,
    PredictorOptions,
    SessionState,
    TrainerOptions,
    Unavailable,
)
from tests.daemon.harness import Daemon, eventually
from tests.faults.evidence import ended_in_order
from tests.faults.plans import CALM, COLLECTION, CRASHES, HANGS, points

TRACED = "execve,clone,clone3,socket,socketpair,connect,openat,open,creat,io_uring_setup,ptrace,process_vm_readv"
LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?)")
POSITIVE = {"x": [1.0, 2.0, 3.0, 4.0]}
HARM = {CRASHES: POSITIVE, HANGS: {"x": [1e9, 0.0, 0.0, 0.0]}, CALM: POSITIVE}


def watch_system_calls(count: int, seed: int, plans: Path) -> list[str]:
    """Let a daemon work so many rounds from its start to its end; returns what was done that nobody may do."""
    with tempfile.TemporaryDirectory(prefix="k14-") as name:
        folder = Path(name)
        daemon = Daemon(folder)
        # The tracer stands aside (-D), so that the daemon is our child, and stops it at the traced calls only.
        daemon.command = ["strace", "-D", "-ff", "--seccomp-bpf", "-qq", "-s", "256", "-e", f"trace={TRACED}"]
        daemon.command += ["-o", str(folder / "trace"), sys.executable]
        daemon.start()
        try:
            with daemon.connect(daemon.new_app("com.example.busy")) as learning:
                for number in range(count):
                    _work(daemon, learning, plans, f"busy-{number}")
        finally:
            failures = ended_in_order(daemon)
        trace = Trace(folder, str(daemon.home / "state"))
        return [*failures, *_breaches(trace)]


class Trace:
    """One file for each process and thread, so that no call is cut in two."""

    def __init__(self, folder: Path, state: str) -> None:
        self.state = state
        self._calls = {
            int(file.suffix[1:]): [match for match in map(LINE.match, file.read_text().splitlines()) if match]
            for file in folder.glob("trace.*")
        }
        self.children = {
            program: self._family(program)
            for program in ("platform_daemon.children.worker", "platform_daemon.children.trainer")
        }

    def calls(self, *names: str) -> Iterator[tuple[int, str, int]]:
        """Process or thread, arguments and result of the calls that returned."""
        for pid, lines in self._calls.items():
            for line in lines:
                if line["call"] in names and line["result"] != "?":
                    yield pid, line["arguments"], int(line["result"])

    def _family(self, program: str) -> set[int]:
        """Processes that became the program, with their threads."""
        found = {pid for pid, arguments, result in self.calls("execve") if f'"{program}"' in arguments and result == 0}
        while more := {made for pid, _, made in self.calls("clone", "clone3") if pid in found} - found:
            found |= more
        return found


def _breaches(trace: Trace) -> Iterator[str]:
    """What was done, and also what was not seen that must have been: a trace of nothing proves nothing."""
    sockets = [arguments for _, arguments, result in trace.calls("socket") if result >= 0]
    yield from (f"socket({one})" for one in sockets if not one.startswith(("AF_UNIX", "AF_NETLINK")))
    reached = [arguments for _, arguments, result in trace.calls("connect") if result == 0]
    yield from (f"connect({one})" for one in reached if "AF_INET" in one)
    for _, arguments, result in trace.calls("io_uring_setup", "ptrace", "process_vm_readv"):
        if result >= 0:
            yield f"reached into another process or the kernel: {arguments}"
    opened = [(pid, arguments) for pid, arguments, result in trace.calls("open", "openat", "creat") if result >= 0]
    kept = [(pid, arguments) for pid, arguments in opened if f'"{trace.state}/' in arguments]
    for program, pids in trace.children.items():
        yield from (f"{program} opened {arguments}" for pid, arguments in kept if pid in pids)
        if not pids:
            yield f"no {program} was seen"
    if not sockets or not any("examples" in arguments for _, arguments in kept):
        yield "the primary was not seen at work"


def _work(daemon: Daemon, learning: Learning, plans: Path, session: str) -> None:
    """Add, train, and meanwhile predict with hostile plans and a calm one."""
    words = learning.get_collection_client(CollectionOptions(COLLECTION))
    words.add_many(points(400)).result()
    options = TrainerOptions(session, plans / "train.plan", f"artifact:/{session}/params", cadence=OneOff())
    trainer = learning.get_trainer_client(options)
    daemon.idle_and_charging(True)
    trainer.schedule()
    eventually(lambda: trainer.status().state is SessionState.RUNNING and trainer.status().step > 0, 60.0)
    with ThreadPoolExecutor(4) as pool:
        for name in HARM:
            list(pool.map(partial(_predict, learning, plans / f"{name}.plan", HARM[name]), range(4)))
    words.add_many(points(400)).result()
    eventually(lambda: trainer.status().state is SessionState.DONE, 60.0)


def _predict(learning: Learning, plan: Path, example: dict[str, list[float]], _: int) -> None:
    with suppress(DeadlineExceeded, Unavailable):  # what the hostile ones come to
        learning.get_predictor_client(PredictorOptions(plan)).predict(example)
