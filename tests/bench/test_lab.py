"""Who measures when, and what becomes of it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as program
from benchmarks import registry
from benchmarks.lab import FULL, LEAST_ROUNDS, SMALLEST, Effort, Lab
from benchmarks.plans import Plans
from benchmarks.registry import MODULES, UnknownBenchmark, select
from benchmarks.rows import Row, at_most
from benchmarks.table import read_json


def lab(tmp_path: Path, effort: Effort) -> Lab:
    return Lab(tmp_path, effort, Console(file=io.StringIO()), Plans(tmp_path / "plans"))


def contender(name: str, order: list[str], values: list[float]):
    def measure():
        order.append(name)
        return {name: values[order.count(name) - 1]}

    return measure


def test_contenders_take_turns_and_the_warm_up_does_not_count(tmp_path):
    order: list[str] = []
    slow_first = [1000.0, 3.0, 1.0, 2.0, 5.0, 4.0]
    contenders = {name: contender(name, order, slow_first) for name in ("ours", "reference")}
    assert lab(tmp_path, FULL).medians("it", contenders) == {"ours": 3.0, "reference": 3.0}
    assert order == ["ours", "reference"] * (LEAST_ROUNDS + 1)


def test_a_contender_may_report_several_figures(tmp_path):
    taken = lab(tmp_path, SMALLEST).medians("it", {"run": lambda: {"steps": 1.0, "fixed": 2.0}})
    assert taken == {"steps": 1.0, "fixed": 2.0}


def test_the_smallest_effort_does_everything_once():
    assert SMALLEST.count(50_000, 1000) == 1000
    assert SMALLEST.count(5, SMALLEST.least_rounds) == 1
    assert FULL.count(50_000, 1000) == 50_000


def test_a_part_is_selected_in_the_order_of_the_table():
    assert select("") == tuple(MODULES)
    assert select("b15, B5,b6C") == ("B5", "B6c", "B15")


def test_an_unknown_benchmark_is_refused_with_the_known_ones(capsys):
    with pytest.raises(UnknownBenchmark, match="'B99'; there are B1,"):
        select("B5,B99")
    with pytest.raises(SystemExit) as ended:
        program.main(["--only", "B99"])
    assert ended.value.code == 2
    assert "there is no benchmark" in capsys.readouterr().err


def test_what_cannot_be_run_takes_nothing_with_it(tmp_path, monkeypatch):
    def broken(lab: Lab) -> list[Row]:
        raise RuntimeError("no such device")

    def slow(lab: Lab) -> list[Row]:
        return [Row("B2", "slow; fast", "ms", 100.0, 1.0, at_most(1))]

    runs = {"B1": broken, "B2": slow}
    monkeypatch.setattr(registry, "MODULES", dict.fromkeys(runs, ""))
    monkeypatch.setattr(program, "load", runs.__getitem__)
    results = tmp_path / "bench.json"
    assert program.main(["--json", str(results)]) == 1
    assert '"B2"' in results.read_text(encoding="utf-8")
    assert program.main(["--only", "B2", "--json", str(results)]) == 0, "a missed target is no failure"


def test_a_part_joins_what_was_measured_before(tmp_path, monkeypatch):
    figures = {"B1": 1.0, "B2": 1.0, "B15": 1.0}
    monkeypatch.setattr(
        program, "load", lambda id: lambda lab: [Row(id, "ours; theirs", "ms", figures[id], 1.0, at_most(1))]
    )
    results = tmp_path / "bench.json"
    for only, ours in (("B15,B1", 1.0), ("B2", 2.0), ("B1", 3.0)):
        figures.update(dict.fromkeys(figures, ours))
        program.main(["--only", only, "--join", "--json", str(results)])
    assert [(row.id, row.ours) for row in read_json(results)] == [("B1", 3.0), ("B2", 2.0), ("B15", 1.0)]
    program.main(["--only", "B2", "--json", str(results)])
    assert [row.id for row in read_json(results)] == ["B2"], "without --join a run stands for itself"
