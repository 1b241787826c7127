"""`insitu demo`: the whole story in one command, on real data, without a network."""

import json
from dataclasses import asdict
from pathlib import Path

__all__ = ["main"]


def main(json_path: Path | None = None, report_path: Path | None = None) -> int:
    """Tell the story on a daemon of its own; write what was measured, and a report, where paths are given.

    Returns 0. Raises DemoFailed where the device does not do its part, OSError where a file cannot be written.
    """
    from rich.console import Console

    from insitu_cli.demo.device import Device
    from insitu_cli.demo.narrator import Narrator
    from plan_toolkit.quiet import quiet

    narrator = Narrator(Console())
    with Device() as device:
        # The daemon starts meanwhile.
        with narrator.step("load", "Loading TensorFlow") as said, quiet():
            from insitu_cli.demo.story import Story

            said.append("TensorFlow is loaded, for authoring.")
        story = Story(device, narrator)
        results = story.tell()
    narrator.tell("done", f"The whole story took {results.duration_s:.0f} s; the daemon and its folder are gone.")
    if json_path is not None:
        _write(json_path, json.dumps(asdict(results), indent=2))
        narrator.tell("json", f"{json_path}")
    if report_path is not None:
        from insitu_cli.demo.report import render

        _write(report_path, render(results, story.moments))
        narrator.tell("report", f"{report_path}")
    else:
        narrator.tell("more", "--report FILE writes all this as a page with plots")
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
