"""When new parameters may go live."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insitu.v1.plan_pb2 import HIGHER_IS_BETTER, LOWER_IS_BETTER, AcceptanceGate, Metric
from platform_daemon.children.gate import judge

METRICS = [Metric(name="loss", direction=LOWER_IS_BETTER), Metric(name="accuracy", direction=HIGHER_IS_BETTER)]


@pytest.mark.parametrize(
    ("metric", "before", "after", "minimum", "accepted"),
    [
        ("loss", 1.0, 0.9, 0.0, True),
        ("loss", 1.0, 1.0, 0.0, True),
        ("loss", 1.0, 1.1, 0.0, False),
        ("loss", 1.0, 0.95, 0.1, False),
        ("loss", 1.0, 1.05, -0.1, True),
        ("accuracy", 0.5, 0.6, 0.0, True),
        ("accuracy", 0.5, 0.4, 0.0, False),
        ("accuracy", 0.5, 0.625, 0.125, True),
        ("accuracy", 0.5, math.nan, -9.0, False),
        ("accuracy", math.nan, 0.1, 0.0, True),
        ("accuracy", math.nan, math.nan, 0.0, False),
        ("loss", 1.0, math.inf, 0.0, False),
    ],
)
def test_the_metrics_direction_and_the_minimum_decide(
    metric: str, before: float, after: float, minimum: float, accepted: bool
) -> None:
    gate = AcceptanceGate(metric=metric, minimum_improvement=minimum)
    verdict = judge(gate, METRICS, {metric: before}, {metric: after}, 10)
    assert verdict.accepted is accepted
    assert metric in verdict.explanation


@settings(deadline=None)
@given(st.integers(-5, 20), st.integers(0, 20))
def test_too_few_held_out_examples_keep_the_old(minimum: int, holdout: int) -> None:
    gate = AcceptanceGate(metric="loss", minimum_holdout_examples=minimum)
    verdict = judge(gate, METRICS, {"loss": 1.0}, {"loss": 0.5}, holdout)
    assert verdict.accepted is (holdout >= max(1, minimum))


def test_without_a_gate_all_pass() -> None:
    assert judge(None, METRICS, {}, {}, 0).accepted
    assert judge(AcceptanceGate(), METRICS, {}, {}, 0).accepted
