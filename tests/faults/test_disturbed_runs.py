"""K5 at the counts of continuous integration."""

from pathlib import Path

import pytest

from tests.faults.disturbed_runs import disturb_trainers, kill_primaries

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", [1, 2])
def test_a_disturbed_run_ends_bit_for_bit_as_an_undisturbed_one(seed: int, plans: Path) -> None:
    assert disturb_trainers(10, seed, plans / "train.plan") == []


def test_a_run_survives_the_killing_of_its_primary_and_commits_once(plans: Path) -> None:
    assert kill_primaries(6, 3, plans / "train.plan") == []
