"""Tells the story on a terminal: one line a step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from insitu_cli.demo.device import Device
from insitu_cli.demo.results import AppResult, Digit
from insitu_cli.demo.watch import Watch

_SHADES = " .:-=+*#%@"


class Narrator:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.phases_s: dict[str, float] = {}
        """How long each step took, by its name."""
        self._started_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[list[str]]:
        """What the block appends to the list is told when it is over."""
        said: list[str] = []
        started_s = time.monotonic()
        with self.console.status(doing):
            yield said
        self.phases_s[name] = time.monotonic() - started_s
        self.tell(name, " ".join(said), self.phases_s[name])

    @contextmanager
    def watching(self, name: str, device: Device) -> Iterator[Watch]:
        """A step that shows progress bars."""
        started_s = time.monotonic()
        with Watch(device, self.console) as watch:
            yield watch
        self.phases_s[name] = time.monotonic() - started_s

    def tell(self, name: str, text: str, took_s: float | None = None) -> None:
        duration = "" if took_s is None else f" [dim]{took_s:.1f} s[/]"
        self.console.print(f"[bold cyan]{name:>8}[/]  {text}{duration}", highlight=False, soft_wrap=True)

    def compare(self, result: AppResult) -> None:
        """What an app gained, and what it learnt with."""
        name = result.package.rpartition(".")[2]
        gain = f"{result.measure} {result.before:.1%} → [bold green]{result.after:.1%}[/]"
        uses = ", ".join(
            f"{use.type} [{'green' if use.injected else 'yellow'}]{'injected' if use.injected else 'withheld'}[/]"
            for use in result.context
        )
        self.tell(name, f"{gain} on {result.test_rows} test rows; {result.examples_stored} examples with {uses}")

    def draw(self, digit: Digit) -> None:
        """The digit in characters, with what was read in it before and after."""
        rows = [digit.pixels[start : start + 8] for start in range(0, 64, 8)]
        beside = {2: f"it is a {digit.label}", 3: f"read as {digit.before} before", 4: f"read as {digit.after} now"}
        for number, row in enumerate(rows):
            drawn = "".join(2 * _SHADES[min(9, int(pixel * 10))] for pixel in row)
            self.console.print(f"{'':10}{drawn}   {beside.get(number, '')}", highlight=False, markup=False)
