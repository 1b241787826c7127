"""What a machine can see of the house rules."""

import subprocess
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
LONGEST_FILE_LINES = 500
MEDIAN_FILE_LINES = 160


def _sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.split() if "_pb2" not in line]


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in _sources()}
    assert not [str(path) for path, lines in lengths.items() if lines > LONGEST_FILE_LINES]
    assert median(lengths.values()) <= MEDIAN_FILE_LINES


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    for path in _sources():
        text = path.read_text()
        assert not [mark for mark in marks if mark in text], path
