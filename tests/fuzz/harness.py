"""Run as `python -m tests.fuzz.harness NAME SECONDS SEED CORPUS FINDINGS`: fuzz one target by Atheris (libFuzzer).

What is found lies in FINDINGS as `crash-…`, `timeout-…` or `oom-…`; the exit status is not 0 then. Inputs that reached
something new stay in CORPUS.
"""

import contextlib
import resource
import sys
import tempfile
import time
from pathlib import Path

import atheris

PACKAGES = ["client_lib", "context", "artifact_manager", "ml_engines", "platform_daemon", "tests.fuzz.targets"]
LONGEST_S = 1.0
"""Of processor time, for one input: a machine that is busy with other things makes no parser slow."""
STUCK_S = 20
"""Of any time; libFuzzer then reports a hang that does not return."""
MOST_MIB = 1024


class Slow(AssertionError):
    """A parser took more than a second of processor time for one input."""


def main(name: str, seconds: str, seed: str, corpus: str, findings: str) -> None:
    with atheris.instrument_imports(include=PACKAGES):
        from tests.fuzz.target import load

        folder = tempfile.mkdtemp()
        target = load(name, Path(folder))

    def check(data: bytes) -> None:
        began_s = time.process_time()
        with contextlib.suppress(*target.refusals):
            target.parse(data)
        took_s = time.process_time() - began_s
        if took_s > LONGEST_S:
            raise Slow(f"{took_s:.1f} s of processor time for {len(data)} bytes")

    for number, content in enumerate(target.seeds):
        check(content)
        (Path(corpus) / f"seed-{number}").write_bytes(content)
    words = Path(folder).with_suffix(".words")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    used_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    arguments = [
        sys.argv[0],
        corpus,
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-timeout={STUCK_S}",
        f"-rss_limit_mb={used_mib + MOST_MIB}",
        f"-max_len={target.longest_bytes}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([*arguments, f"-dict={words}"] if target.words else arguments, check)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(*sys.argv[1:])
