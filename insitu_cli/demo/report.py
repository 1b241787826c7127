"""The report: one page of HTML that needs nothing else."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from insitu_cli.demo import plots
from insitu_cli.demo.results import Results
from insitu_cli.demo.watch import Moment


def render(results: Results, moments: Sequence[Moment]) -> str:
    """`moments` as the watch saw them, at least one."""
    environment = Environment(
        loader=PackageLoader("insitu_cli.demo", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["grouped"] = "{:,}".format
    return environment.get_template("report.html.j2").render(
        results=results,
        quality_plot=plots.quality(results.apps),
        loss_plot=plots.loss(moments, results.interruption),
        timeline_plot=plots.timeline(moments),
    )
