"""The whole demonstration, as a newcomer runs it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("demo")]


@dataclass(frozen=True, slots=True)
class Telling:
    told: str
    results: dict[str, Any]
    page: str

    def app(self, name: str) -> dict[str, Any]:
        (found,) = [app for app in self.results["apps"] if app["package"] == f"com.example.{name}"]
        return dict(found)


@pytest.fixture(scope="module")
def telling() -> Iterator[Telling]:
    """One run for all tests, in a folder for temporary files that must be empty at its end."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
        results, page = Path(folder) / "demo.json", Path(folder) / "pages" / "demo.html"
        ran = subprocess.run(
            [Path(sys.executable).parent / "insitu", "demo", "--json", results, "--report", page],
            env={**os.environ, "TMPDIR": scratch},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert not [path.name for path in Path(scratch).iterdir() if path.name.startswith("insitu-demo-")]
        yield Telling(ran.stdout, json.loads(results.read_text()), page.read_text())


def test_every_app_gains_on_rows_that_the_daemon_never_collected(telling: Telling) -> None:
    assert telling.app("digits")["gain"] >= 0.10
    assert telling.app("clinic")["gain"] > 0.02
    assert telling.app("cellar")["gain"] > 0.02
    for app in telling.results["apps"]:
        assert app["gain"] == pytest.approx(app["after"] - app["before"])
        assert app["run"]["outcome"] == "committed"
        assert app["parameters_version"] == 1
    assert telling.app("digits")["examples_stored"] == telling.app("digits")["user_rows"]
    assert telling.app("clinic")["examples_stored"] == telling.app("clinic")["user_rows"]


def test_every_run_read_all_that_was_stored(telling: Telling) -> None:
    for app in telling.results["apps"]:
        assert app["run"]["examples"] + app["run"]["holdout_examples"] == app["examples_stored"]


def test_the_engines_are_those_of_the_plans(telling: Telling) -> None:
    assert [app["engine"] for app in telling.results["apps"]] == ["litert", "tensorflow", "litert"]


def test_training_is_interrupted_and_goes_on_where_it_was(telling: Telling) -> None:
    cut, run = telling.results["interruption"], telling.app("digits")["run"]
    assert run["suspensions"] >= 1
    assert 0 < cut["unplugged_at_step"] <= cut["suspended_at_step"] < cut["resumed_at_step"] <= cut["total_steps"]
    assert run["steps"] == cut["total_steps"]
    assert "charging" in cut["reason"]


def test_the_daemon_says_what_training_waits_for(telling: Telling) -> None:
    assert any("charging" in reason for reason in telling.results["waiting_for"])


def test_nothing_was_restarted(telling: Telling) -> None:
    assert telling.results["daemon_restarted"] is False


def test_context_is_injected_where_it_was_granted_and_nowhere_else(telling: Telling) -> None:
    injected = {
        name: {use["type"]: use["injected"] for use in telling.app(name)["context"]}
        for name in ("digits", "clinic", "cellar")
    }
    assert injected == {
        "digits": {"day": True, "power": True, "network": False},
        "clinic": {"device": True, "activity": False},
        "cellar": {"day": True, "power": False},
    }


def test_the_report_has_the_plots(telling: Telling) -> None:
    for start in ("Bars: ", "Timeline of ", "Curve: "):
        assert f'aria-label="{start}' in telling.page
    assert telling.page.count('aria-label="A handwritten') == len(telling.results["digits"]) > 0


def test_every_step_is_told(telling: Telling) -> None:
    for name in (
        "load",
        "start",
        "allow",
        "author",
        "collect",
        "before",
        "wait",
        "train",
        "unplug",
        "plug in",
        "after",
        "done",
    ):
        assert any(line.strip().startswith(name) for line in telling.told.splitlines()), name
