"""The frame of the soak: parts run apart, are given up in time, and make rows of the report."""

from pathlib import Path

import pytest

from tests.faults import loops, part
from tests.faults.loops import FaultLoop
from tests.faults.part import Findings, run_apart
from tests.soak import main, row_of


def never(count: int, seed: int, plans: Path) -> list[str]:
    return []


def loop(**changes: object) -> FaultLoop:
    values = {"id": "K0", "what": "nothing", "count": 3, "parts": 2, "run": never} | changes
    return FaultLoop(**values)  # type: ignore[arg-type]


def test_a_row_counts_failures_and_figures_over_their_limit() -> None:
    found = [Findings([], {"ratio": 2.0}), Findings(["lost"], {"ratio": 4.0, "calls": 7.0})]
    row = row_of(loop(limits={"ratio": 3.0}), found)
    assert row == {
        "id": "K0",
        "what": "nothing",
        "count": 6,
        "failures": 2,
        "pass": False,
        "figures": {"ratio": 4.0, "calls": 7.0},
        "limits": {"ratio": 3.0},
    }
    assert row_of(loop(), [Findings([])]) == {"id": "K0", "what": "nothing", "count": 3, "failures": 0, "pass": True}


def test_a_part_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    (found,) = run_apart(loop(id="K1", bound_s=0.05), 1, 1, tmp_path).failures
    assert found == "not over after 0.05 s"


def test_a_part_that_trips_says_over_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = next(one.id for one in loops.LOOPS if one.is_called("K5"))
    assert part.main([name, "1", "1", str(tmp_path / "none")]) == 0
    assert "FileNotFoundError" in capsys.readouterr().out


def test_a_family_of_loops_is_called_by_one_name() -> None:
    assert loop(id="K5-primary").is_called("K5")
    assert not loop(id="K50").is_called("K5")


def test_unknown_ids_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "K99"])
    assert "K1, " in capsys.readouterr().err
