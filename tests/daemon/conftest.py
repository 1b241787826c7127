"""A daemon for each module's tests, and plans for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import plans
from tests.daemon.harness import Daemon, running


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("d")) as started:
        yield started


@pytest.fixture(scope="session")
def plan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all processes of one run, and by no other run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "plans"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def charging_plans(plan_folder: Path) -> Path:
    return plans.made_once(plan_folder, "charging", plans.with_context)


@pytest.fixture(scope="session")
def tensorflow_plans(plan_folder: Path) -> Path:
    return plans.made_once(plan_folder, "tensorflow", plans.on_tensorflow)


@pytest.fixture(scope="session")
def ranking_plans(plan_folder: Path) -> Path:
    return plans.made_once(plan_folder, "ranking", plans.ranking)
