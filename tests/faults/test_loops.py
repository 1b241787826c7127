"""Every fault loop at the counts of continuous integration. Fuzzing has tests of its own, one for each target."""

from pathlib import Path

import pytest

from tests.faults.loops import LOOPS, FaultLoop


@pytest.mark.faults
@pytest.mark.parametrize(
    ("loop", "seed"),
    [
        pytest.param(loop, seed, id=f"{loop.id}-{seed}")
        for loop in LOOPS
        if loop.id != "K6"
        for seed in range(1, loop.parts + 1)
    ],
)
def test_nothing_is_other_than_it_must_be(loop: FaultLoop, seed: int, plans: Path) -> None:
    assert loop.run(loop.count, seed, plans) == []
