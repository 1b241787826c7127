"""Plans, made once for the whole run."""

from pathlib import Path

import pytest

from tests.faults.plans import fault_plans


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp().parent / "plans"
    folder.mkdir(exist_ok=True)
    return fault_plans(folder)
