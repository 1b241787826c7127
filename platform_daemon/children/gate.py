"""The acceptance gate: whether new parameters may replace those in use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from insitu.v1 import plan_pb2


@dataclass(frozen=True, slots=True)
class Verdict:
    accepted: bool
    explanation: str
    """One sentence for people."""


def judge(
    gate: plan_pb2.AcceptanceGate | None,
    metrics: Sequence[plan_pb2.Metric],
    before: Mapping[str, float],
    after: Mapping[str, float],
    holdout_examples: int,
) -> Verdict:
    """Compare the gate's metric before and after training, over the held-out examples.

    The improvement, in the metric's own direction, must reach `gate.minimum_improvement`. A metric that is no number
    after training never passes; one that was none before gives way to any number.
    """
    if gate is None or not gate.metric:
        return Verdict(True, "the plan has no acceptance gate")
    wanted = max(1, gate.minimum_holdout_examples)
    if holdout_examples < wanted:
        return Verdict(False, f"{holdout_examples} held-out examples are too few to decide: the plan wants {wanted}")
    old, new = before.get(gate.metric, math.nan), after.get(gate.metric, math.nan)
    change = f"{gate.metric} {old:.6g} → {new:.6g} on {holdout_examples} held-out examples"
    if math.isnan(new):
        return Verdict(False, f"{change}: no number, so the old parameters stay")
    if math.isnan(old):
        return Verdict(True, f"{change}: the old parameters gave no number")
    higher = _direction(gate.metric, metrics) == plan_pb2.HIGHER_IS_BETTER
    improvement = new - old if higher else old - new
    if improvement >= gate.minimum_improvement:
        return Verdict(True, change)
    return Verdict(False, f"{change}: the plan wants an improvement of {gate.minimum_improvement:g}")


def _direction(name: str, metrics: Sequence[plan_pb2.Metric]) -> int:
    return next((metric.direction for metric in metrics if metric.name == name), plan_pb2.LOWER_IS_BETTER)
