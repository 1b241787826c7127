"""K1 at the counts of continuous integration."""

import pytest

from tests.faults.killed_primary import kill_while_apps_write


@pytest.mark.faults
@pytest.mark.parametrize(("count", "seed"), [(8, 1), (7, 2)])
def test_what_was_acknowledged_survives_the_killing_of_the_primary(count: int, seed: int) -> None:
    assert kill_while_apps_write(count, seed) == []
