"""What children print: their words where they do not start, their lines counted once they have seen examples."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from platform_daemon.children.spawn import ChildGone, Spawner, Trainer
from platform_daemon.logs.formatting import JsonFormatter
from platform_daemon.logs.output import LINE_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, ChildOutput

HELLO = """
import os, socket, sys, time
sys.path[:0] = {path!r}
from insitu.v1 import worker_pb2
from platform_daemon.children.framing import BlockingChannel
print("starting", file=sys.stderr, flush=True)
channel = BlockingChannel(socket.socket(fileno=int(sys.argv[4])))
secret = channel.read_exactly(32)
channel.send(worker_pb2.ChildHello(secret=secret).SerializeToString())
channel.read_exactly(1)
{then}
"""


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What would be written, without the time."""
    written = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    return [{name: value for name, value in line.items() if name != "time"} for line in written]


def impostor(tmp_path: Path, program: str) -> str:
    """An executable that runs `program` in place of a child."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(0o700)
    return os.fspath(path)


def started(
    tmp_path: Path, then: str, scenario: Callable[[Trainer], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """A child that says hello, waits for a byte, and then does something."""

    async def main() -> None:
        program = HELLO.format(path=sys.path, then=then)
        spawner = Spawner(python=impostor(tmp_path, program), scratch_root=os.fspath(tmp_path), **options)
        child = await spawner.trainer()
        await child._channel.send_bytes(b"!")
        try:
            await scenario(child)
        finally:
            await child.end()

    asyncio.run(main())


async def until_it_ends(child: Trainer) -> None:
    await child.wait()


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "platform_daemon")


def test_a_child_that_does_not_start_has_its_words_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = "import sys\nprint('no module\\x1b[2J named x', file=sys.stderr)\nsys.stderr.write('half')\nsys.exit(3)\n"
    with pytest.raises(ChildGone):
        asyncio.run(Spawner(python=impostor(tmp_path, program), scratch_root=os.fspath(tmp_path)).trainer())
    found = events(caplog)
    assert [line["text"] for line in found if line["event"] == "child_output"] == ["no module?[2J named x", "half"]
    assert {"level": "warning", "event": "child_ended", "role": "trainer", "returncode": 3, "lines": 0}.items() <= (
        next(line for line in found if line["event"] == "child_ended").items()
    )


def test_what_a_child_prints_after_that_is_counted_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    started(tmp_path, "print('canary\\ncanary', file=sys.stderr)\nos._exit(0)", until_it_ends)
    found = events(caplog)
    (withheld,) = [line for line in found if line["event"] == "child_output_withheld"]
    assert withheld["lines"] == 2
    assert "child_ended" not in {line["event"] for line in found}
    assert "canary" not in json.dumps(found)


def test_the_owner_may_want_to_hear_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    started(tmp_path, "print('step 1', file=sys.stderr)\nos.abort()", until_it_ends, keep_output=True)
    found = events(caplog)
    assert "step 1" in [line["text"] for line in found if line["event"] == "child_output"]
    (ended,) = [line for line in found if line["event"] == "child_ended"]
    assert (ended["returncode"], ended["lines"]) == (-6, 1)


def test_a_child_that_somebody_kills_is_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def killed_by_somebody(child: Trainer) -> None:
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildGone):
            await child.receive()

    for _ in range(5):
        caplog.clear()
        started(tmp_path, "time.sleep(60)", killed_by_somebody)
        (ended,) = [line for line in events(caplog) if line["event"] == "child_ended"]
        assert ended["returncode"] == -signal.SIGKILL


def test_a_child_that_the_daemon_ends_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def kill(child: Trainer) -> None:
        child.kill()
        await child.wait()

    started(tmp_path, "time.sleep(60)", kill)
    assert [line["event"] for line in events(caplog)] == ["child_started"]


def test_a_child_that_prints_without_end_is_heard_no_more_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flood = (
        "import contextlib\nfor _ in range(200):\n  with contextlib.suppress(OSError): os.write(2, b'canary\\n' * 4096)"
    )
    started(tmp_path, f"{flood}\nos._exit(7)", until_it_ends)
    found = events(caplog)
    (withheld,) = [line for line in found if line["event"] == "child_output_withheld"]
    assert 0 < withheld["lines"] * len("canary\n") < 2 * OUTPUT_LIMIT_BYTES
    assert next(line for line in found if line["event"] == "child_ended")["returncode"] == 7


def test_a_line_without_end_takes_bounded_memory() -> None:
    output = ChildOutput("worker", keep=False)
    output.proven(1)
    for _ in range(100):
        output.data_received(b"x" * 10_000)
    assert len(output._rest) <= LINE_LIMIT_BYTES + 10_000
    output.data_received(b"\n")
    assert output.lines == 1
