"""Which benchmarks there are, by id."""

from collections.abc import Callable, Sequence
from importlib import import_module

from benchmarks.lab import Lab
from benchmarks.rows import Row

MODULES = {
    "B1": "b01_predict",
    "B1L": "b01l_client",
    "B1p": "b01p_peers",
    "B2": "b02_callers",
    "B3": "b03_rows",
    "B4": "b04_add",
    "B5": "b05_add_many",
    "B6": "b06_training",
    "B6c": "b06c_convolution",
    "B7": "b07_idle",
    "B8": "b08_sweep",
    "B9": "b09_revoke",
    "B15": "b15_imports",
}

FLOORS = "floors"
"""Not a benchmark: what nothing here can be faster than."""

Run = Callable[[Lab], list[Row]]


class UnknownBenchmark(Exception):
    """Says which there are."""


def select(only: str) -> Sequence[str]:
    """Ids in the table's order: all, or those of a list like "B5,b6". Raises UnknownBenchmark."""
    if not only:
        return tuple(MODULES)
    known = {id.lower(): id for id in MODULES}
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    unknown = [part for part in wanted if part.lower() not in known]
    if unknown:
        raise UnknownBenchmark(f"there is no benchmark {unknown[0]!r}; there are {', '.join(MODULES)}, and {FLOORS}")
    chosen = {known[part.lower()] for part in wanted}
    return tuple(id for id in MODULES if id in chosen)


def load(id: str) -> Run:
    """Imports the benchmark only now: what others need must not count in its figures."""
    run: Run = import_module(f"benchmarks.{MODULES[id]}").run
    return run
