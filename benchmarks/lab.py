"""Where benchmarks run: a folder, a console, and turns that are taken fairly."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.plans import Plans

Figures = Mapping[str, float]
Contender = Callable[[], Figures]
"""Does its work once and says what it took: figures by name."""

LEAST_ROUNDS = 5


class Skipped(Exception):
    """A benchmark lacks a program that Insitu does not depend on."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; run `{remedy}`")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done for a figure."""

    scale: float
    """Counts of a full run are multiplied by this."""
    least_rounds: int
    warm_ups: int

    def count(self, full: int, least: int = 1) -> int:
        return max(least, round(full * self.scale))


FULL = Effort(scale=1.0, least_rounds=LEAST_ROUNDS, warm_ups=1)
SMALLEST = Effort(scale=0.0, least_rounds=1, warm_ups=0)
"""Shows that a benchmark works. Its figures mean nothing."""


class Lab:
    """`folder` is the benchmark's own, empty at its start."""

    def __init__(self, folder: Path, effort: Effort, console: Console, plans: Plans) -> None:
        self.folder = folder
        self.effort = effort
        self.plans = plans
        self._console = console

    def medians(self, what: str, contenders: Mapping[str, Contender], rounds: int = LEAST_ROUNDS) -> dict[str, float]:
        """Let the contenders take turns, warmed up, and return the median of each figure.

        Turns, because a machine gets faster and slower while one measures: each round sees all of them alike.
        """
        rounds = self.effort.count(rounds, self.effort.least_rounds)
        turns = (self.effort.warm_ups + rounds) * len(contenders)
        taken: dict[str, list[float]] = {}
        with self._progress() as progress:
            bar = progress.add_task(what, total=turns, contender="")
            for number in range(self.effort.warm_ups + rounds):
                for name, contender in contenders.items():
                    progress.update(bar, contender=name)
                    figures = contender()
                    progress.advance(bar)
                    if number >= self.effort.warm_ups:
                        for figure, value in figures.items():
                            taken.setdefault(figure, []).append(value)
        return {figure: statistics.median(values) for figure, values in taken.items()}

    def say(self, what: str) -> None:
        self._console.print(what, style="dim")

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[contender]}", style="dim"),
            console=self._console,
            transient=True,
        )
