"""B8: a sweep of 10,000 expired examples out of 1,000,000 that are stored, beside the same out of 100,000."""

import time

from benchmarks.filled_store import BATCH, HOUR_MS, FilledStore, filled_store
from benchmarks.lab import Contender, Figures, Lab
from benchmarks.rows import Row, at_most

EXPIRED = 10_000
FEW, MANY = 100_000, 1_000_000
CONTEXT = ("power", "day")
ROUNDS = 21
"""A sweep syncs, and a disk takes its time for that as it likes."""


def run(lab: Lab) -> list[Row]:
    few, many = lab.effort.count(FEW, BATCH), lab.effort.count(MANY, BATCH)
    lab.say(f"B8 storing {few + many:,} examples")
    with (
        filled_store(lab.folder / "few", few, CONTEXT) as small,
        filled_store(lab.folder / "many", many, CONTEXT) as large,
    ):
        contenders = {"many": _sweep(lab, "ours", large), "few": _sweep(lab, "reference", small)}
        medians = lab.medians("B8 sweep", contenders, ROUNDS)
    what = "sweep 10,000 expired examples out of 1,000,000; out of 100,000"
    return [Row("B8", what, "ms", medians["ours"], medians["reference"], at_most(1.3))]


def _sweep(lab: Lab, name: str, filled: FilledStore) -> Contender:
    batches = lab.effort.count(EXPIRED // 100, 1)

    def measure() -> Figures:
        for _ in range(batches):
            filled.add(100, HOUR_MS)
        filled.clock.advance(2 * 3600)
        started_s = time.perf_counter()
        swept = filled.store.sweep()
        taken_s = time.perf_counter() - started_s
        assert swept.examples == batches * 100
        return {name: taken_s * 1e3}

    return measure
