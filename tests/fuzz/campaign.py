"""Fuzz targets for a while, each in a process of its own, and tell what was found."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.figures import note
from tests.fuzz.target import names

_EXECUTED = re.compile(r"number_of_executed_units:\s*(\d+)")
_NOISE = re.compile("INFO: |WARNING: Failed to find function")
_START_S = 120.0
_SHOWN_BYTES = 400


def fuzz(name: str, seconds: int, seed: int) -> list[str]:
    """A line for each input that was answered by anything but success or refusal; empty where none was."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus, findings = Path(folder, "corpus"), Path(folder, "found")
        corpus.mkdir()
        findings.mkdir()
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.harness",
            name,
            str(seconds),
            str(seed),
            str(corpus),
            str(findings),
        ]
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "PYTHONPATH": "."}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=environment,
                timeout=seconds + _START_S,
                check=False,
            )
            output = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not _NOISE.match(line))
        except subprocess.TimeoutExpired:
            return [f"{name}: not over {_START_S:.0f} s after its time"]
        found = [_told(name, path, output) for path in sorted(findings.iterdir())]
        if executed := _EXECUTED.search(done.stderr):
            note(f"{name}: inputs", float(executed[1]))
        elif not found:
            return [f"{name}: did not run: {output[-2000:]}"]
        return found


def fuzz_in_turn(seconds: int, seed: int) -> list[str]:
    """The target that a seed stands for: as many seeds in a row take every target once."""
    every = names()
    return fuzz(every[seed % len(every)], seconds, seed)


def _told(name: str, path: Path, output: str) -> str:
    kept = Path("build") / "fuzz" / name
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, kept / path.name)
    content = path.read_bytes()
    trace = output[max(0, output.find("=== Uncaught")) :]
    return f"{name}: {kept / path.name}, {content[:_SHOWN_BYTES]!r}: {trace[:2000]}"
