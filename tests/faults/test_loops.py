"""Every fault loop at the counts of continuous integration. Fuzzing and tracing have tests of their own."""

from pathlib import Path

import pytest

from tests.faults.loops import LOOPS, FaultLoop


@pytest.mark.faults
@pytest.mark.parametrize(
    ("loop", "seed"),
    [
        pytest.param(loop, seed, id=f"{loop.id}-{seed}")
        for loop in LOOPS
        if loop.id not in ("K6", "K14")
        for seed in range(1, loop.parts + 1)
    ],
)
def test_nothing_is_other_than_it_must_be(loop: FaultLoop, seed: int, plans: Path) -> None:
    assert loop.run(loop.count, seed, plans) == []
