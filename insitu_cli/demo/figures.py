"""From a matplotlib figure to SVG that lies in a page and takes its colours from there."""

import html
import io
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Ink(StrEnum):
    """Colours by what they mean. The values only mark their places: the page's style sheet, which knows light from
    dark, supplies a variable for each, `--text` for TEXT and so on."""

    TEXT = "#010101"
    GRID = "#010102"
    BEFORE = "#010103"
    AFTER = "#010104"
    PAUSED = "#010105"
    WAITING = "#010106"
    ON_BAR = "#010107"


_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "insitu",
    "font.size": 10,
    "text.color": Ink.TEXT,
    "axes.edgecolor": Ink.GRID,
    "axes.labelcolor": Ink.TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": Ink.GRID,
    "xtick.color": Ink.TEXT,
    "ytick.color": Ink.TEXT,
    "hatch.color": Ink.TEXT,
}


class Drawing:
    """`svg` is there when the block of `drawing` is over."""

    def __init__(self, figure: Figure) -> None:
        self.axes: Axes = figure.subplots()
        self.svg = ""


@contextmanager
def drawing(description: str, height: float) -> Iterator[Drawing]:
    """One plot, five inches wide; `description` tells what it shows to those who do not see it."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5, height), layout="constrained")
        drawn = Drawing(figure)
        yield drawn
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    for ink in Ink:
        svg = svg.replace(ink, f"var(--{ink.name.lower().replace('_', '-')})")
    body = svg[svg.index("<svg ") + len("<svg ") :]
    drawn.svg = f'<svg role="img" aria-label="{html.escape(description)}" {body}'
