"""What a run's pace and fixed cost are inferred from."""

import pytest

from benchmarks.training_runs import Report, Timeline


def test_steady_steps_are_not_part_of_the_fixed_cost():
    # Decided at 10 s, first step at 10.5 s, 1,000 steps a second, last step at 13.5 s, serving at 13.75 s.
    reports = [Report(10.5 + step / 1000, step) for step in (200, 400, 1400, 2800)]
    timeline = Timeline(decided_s=10.0, reports=reports, total_steps=3000, serving_s=13.75)
    assert timeline.steps_per_s == pytest.approx(1000)
    assert timeline.fixed_s == pytest.approx(0.75)


def test_a_pause_between_reports_counts_against_the_pace():
    reports = [Report(1.0, 100), Report(2.0, 200), Report(4.0, 300)]
    assert Timeline(0.0, reports, 300, 4.0).steps_per_s == pytest.approx(200 / 3)
