"""The plots of the report, as SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from client_lib import SessionState
from insitu_cli.demo.figures import Ink, drawing
from insitu_cli.demo.results import AppResult, Interruption
from insitu_cli.demo.watch import Moment

_BAR = 0.36
_LETTER = 0.02
"""The room that a letter takes, as a share of the plot's width."""
_FILLS = {
    "yes": (Ink.AFTER, Ink.ON_BAR),
    "no": (Ink.WAITING, Ink.TEXT),
    SessionState.CREATED.value: (Ink.WAITING, Ink.TEXT),
    SessionState.WAITING.value: (Ink.WAITING, Ink.TEXT),
    SessionState.RUNNING.value: (Ink.AFTER, Ink.ON_BAR),
    SessionState.SUSPENDED.value: (Ink.PAUSED, Ink.ON_BAR),
    SessionState.EVALUATING.value: (Ink.AFTER, Ink.ON_BAR),
    SessionState.COMMITTED.value: (Ink.BEFORE, Ink.ON_BAR),
    SessionState.KEPT_OLD.value: (Ink.BEFORE, Ink.ON_BAR),
    SessionState.FAILED.value: (Ink.PAUSED, Ink.ON_BAR),
    SessionState.DONE.value: (Ink.BEFORE, Ink.ON_BAR),
    SessionState.STOPPED.value: (Ink.BEFORE, Ink.ON_BAR),
}
"""What a span is filled with and written in."""


def quality(apps: Sequence[AppResult]) -> str:
    """Two bars an app: its quality by the base model and by the one trained here."""
    told = "; ".join(f"{_name(app)} from {app.before:.1%} to {app.after:.1%}" for app in apps)
    with drawing(f"Bars: held-out quality before and after training. {told}.", height=2.6) as plot:
        rows = np.arange(len(apps))
        for values, offset, ink, label in (
            ([app.before for app in apps], -_BAR / 2, Ink.BEFORE, "base model"),
            ([app.after for app in apps], _BAR / 2, Ink.AFTER, "trained here"),
        ):
            bars = plot.axes.barh(rows + offset, values, _BAR, color=ink, label=label)
            plot.axes.bar_label(bars, [f"{value:.1%}" for value in values], padding=4)
        plot.axes.set_yticks(rows, [f"{_name(app)}\n{app.measure}" for app in apps])
        plot.axes.invert_yaxis()
        plot.axes.set_xlim(0, 1.14)
        plot.axes.set_xticks(np.linspace(0, 1, 5), [f"{tick:.0%}" for tick in np.linspace(0, 1, 5)])
        plot.axes.tick_params(length=0)
        plot.axes.grid(axis="x")
        plot.axes.legend(loc="upper center", bbox_to_anchor=(0.45, 1.2), ncols=2, frameon=False)
    return plot.svg


def loss(moments: Sequence[Moment], interruption: Interruption) -> str:
    """The loss of the interrupted run by its steps, in two strokes."""
    looks = [now.sessions[interruption.session] for now in moments]
    # Between its start and its first report a run has no loss.
    seen = {status.step: status.loss for status in looks if status.state is SessionState.RUNNING and status.loss}
    cut = interruption.suspended_at_step
    strokes = [{step: seen[step] for step in sorted(seen) if (step > cut) is later} for later in (False, True)]
    told = (
        f"suspended at step {cut} of {interruption.total_steps} for {interruption.paused_s:.1f} seconds, then resumed"
    )
    with drawing(f"Curve: training loss of {interruption.session} by step, {told}.", height=2.6) as plot:
        for stroke in strokes:
            plot.axes.plot(list(stroke), list(stroke.values()), "o-", markersize=3, linewidth=2, color=Ink.AFTER)
        plot.axes.axvline(cut, color=Ink.PAUSED, linestyle="--", linewidth=2)
        plot.axes.annotate(
            f"unplugged at step {cut:,},\nresumed after {interruption.paused_s:.1f} s",
            (cut, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(6, 0),
            textcoords="offset points",
            va="top",
        )
        plot.axes.set_yscale("log")
        plot.axes.set_xlim(0, interruption.total_steps)
        plot.axes.xaxis.set_major_locator(MaxNLocator(5))
        plot.axes.xaxis.set_major_formatter("{x:,.0f}")
        plot.axes.set_xlabel("step")
        plot.axes.set_ylabel("training loss")
        plot.axes.grid()
    return plot.svg


def timeline(moments: Sequence[Moment]) -> str:
    """Device conditions and session states over time, a row each."""
    rows: dict[str, list[Span]] = {
        "idle": spans(moments, lambda now: "yes" if now.idle else "no"),
        "charging": spans(moments, lambda now: "yes" if now.charging else "no"),
    }
    for session in moments[0].sessions:
        rows[session] = spans(moments, lambda now, name=session: now.sessions[name].state.value)  # type: ignore[misc]
    told = "; ".join(f"{name}: {', '.join(span.value for span in found)}" for name, found in rows.items())
    with drawing(f"Timeline of the device's conditions and the sessions' states. {told}.", height=2.8) as plot:
        for row, found in enumerate(rows.values()):
            for span in found:
                _bar(plot.axes, row, span, moments[-1].at_s)
        plot.axes.set_yticks(range(len(rows)), list(rows))
        plot.axes.invert_yaxis()
        plot.axes.set_xlim(0, moments[-1].at_s)
        plot.axes.set_xlabel("seconds since training was allowed")
        plot.axes.tick_params(axis="y", length=0)
        plot.axes.spines["left"].set_visible(False)
    return plot.svg


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which something stayed as it was."""

    start_s: float
    end_s: float
    value: str


def spans(moments: Sequence[Moment], value: Callable[[Moment], str]) -> list[Span]:
    """In order, without gaps, up to the last moment."""
    found = []
    for kept, group in groupby(moments, value):
        start_s = next(group).at_s
        found.append((start_s, kept))
    ends_s = [start_s for start_s, _ in found[1:]] + [moments[-1].at_s]
    return [Span(start_s, end_s, kept) for (start_s, kept), end_s in zip(found, ends_s, strict=True)]


def _bar(axes: Axes, row: int, span: Span, total_s: float) -> None:
    fill, ink = _FILLS[span.value]
    width_s = span.end_s - span.start_s
    axes.barh(row, width_s, left=span.start_s, height=0.7, color=fill)
    if width_s > len(span.value) * _LETTER * total_s:
        axes.text(span.start_s + width_s / 2, row, span.value, ha="center", va="center", color=ink)


def _name(app: AppResult) -> str:
    return app.package.rpartition(".")[2]
