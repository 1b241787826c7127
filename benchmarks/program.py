"""Reference programs: processes of their own, asked for a figure when it is their turn."""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from types import TracebackType

END_TIMEOUT_S = 10.0
_LAST_WORDS = 2000


class ProgramFailed(Exception):
    """A reference program ended before it answered. The message ends with its own last words."""


class Program:
    """`python -m benchmarks.references.NAME ARGUMENTS`, which answers each line of its input with figures in JSON."""

    def __init__(self, name: str, *arguments: object) -> None:
        module = f"benchmarks.references.{name}"
        self._name = name
        self._words = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def measure(self) -> dict[str, float]:
        """Have it do its work once. Raises ProgramFailed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            status = self._process.wait()
            self._words.seek(0)
            raise ProgramFailed(f"{self._name} ended with status {status}:\n{self._words.read()[-_LAST_WORDS:]}")
        figures: dict[str, float] = json.loads(answer)
        return figures

    def close(self) -> None:
        """Let it end by itself. Repeatable."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(END_TIMEOUT_S)

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            self._process.kill()
            self._process.wait()
            self._words.close()
