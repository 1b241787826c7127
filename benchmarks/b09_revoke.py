"""B9: revoke one context type of 1,000,000 examples, beside that of 10,000. Each turn revokes another type.

As many keys on both sides: what a revocation costs depends on them. A turn is bound by fsync, so there are many.
"""

import time

from benchmarks.filled_store import FilledStore, filled_store
from benchmarks.lab import Contender, Figures, Lab
from benchmarks.rows import Row, at_most

FEW, MANY = 10_000, 1_000_000
TYPES = tuple(f"type{number}" for number in range(48))


def run(lab: Lab) -> list[Row]:
    few, many = lab.effort.count(FEW, 1000), lab.effort.count(MANY, 1000)
    lab.say(f"B9 storing {few + many:,} examples")
    with filled_store(lab.folder / "few", few, TYPES) as small, filled_store(lab.folder / "many", many, TYPES) as large:
        contenders = {"many": _revoke("ours", large), "few": _revoke("reference", small)}
        medians = lab.medians("B9 revoke", contenders, rounds=len(TYPES) - 1)
    what = "revoke a context type of 1,000,000 stored examples; of 10,000"
    return [Row("B9", what, "ms", medians["ours"], medians["reference"], at_most(1.3))]


def _revoke(name: str, filled: FilledStore) -> Contender:
    left = list(TYPES)

    def measure() -> Figures:
        context_type = left.pop()
        started_s = time.perf_counter()
        filled.store.revoke(1, context_type)
        return {name: (time.perf_counter() - started_s) * 1e3}

    return measure
